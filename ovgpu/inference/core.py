"""The entry point: devices, reading, compiling and importing models, properties."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.model import Model
from ovgpu.graph.tensor import Tensor
from ovgpu.inference.compile_options import CompileOptions, compile_options
from ovgpu.inference.compiled_model import CompiledModel
from ovgpu.plugins.device_name import DeviceName
from ovgpu.plugins.model_cache import ModelCache
from ovgpu.plugins.plugin import Plugin
from ovgpu.plugins.properties import plain_config
from ovgpu.plugins.registry import PluginRegistry
from ovgpu.version import Version

if TYPE_CHECKING:
    from ovgpu.inference.remote import RemoteContext

#: Properties of the Core itself, with their defaults.
_GLOBAL_DEFAULTS: dict[str, Any] = {
    "CACHE_DIR": "",
    "ENABLE_MMAP": True,
    "FORCE_TBB_TERMINATE": False,
}
_SET_PROPERTY = [
    "(self: ovgpu.Core, properties: collections.abc.Mapping[str, object]) -> None",
    "(self: ovgpu.Core, property: tuple[str, object]) -> None",
    "(self: ovgpu.Core, device_name: str, properties: collections.abc.Mapping[str, object]) -> None",
    "(self: ovgpu.Core, device_name: str, property: tuple[str, object]) -> None",
]


class Core:
    """Devices and the properties set on them. Objects of this class are independent of each other.

    Args:
        xml_config_file: a file that lists plugins, as :meth:`register_plugins` reads it.
    """

    def __init__(self, xml_config_file: str | os.PathLike = "") -> None:
        self._registry = PluginRegistry()
        self._globals = dict(_GLOBAL_DEFAULTS)
        self._extensions: list[Any] = []
        if xml_config_file:
            self.register_plugins(xml_config_file)

    # ---- models ----
    def read_model(
        self,
        model: str | os.PathLike | bytes | BytesIO,
        weights: str | os.PathLike | bytes | BytesIO | Tensor | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Model:
        """Read a model from a file or from memory.

        Args:
            model: path of an ``.xml`` (IR) or ``.onnx`` file, or the text or bytes of one.
            weights: path or contents of the IR's ``.bin``; by default the file beside the ``.xml``.
            config: properties, for instance ``{"ENABLE_MMAP": False}``.

        Raises:
            RuntimeError: the model cannot be read.
            TypeError: ``model`` or ``weights`` is none of these.
        """
        from ovgpu.frontends import read_model

        if not isinstance(model, str | os.PathLike | bytes | BytesIO):
            raise TypeError(
                f"Provided python object type {type(model)} isn't supported as 'model' argument."
            )
        if weights is not None and not isinstance(
            weights, str | os.PathLike | bytes | BytesIO | Tensor
        ):
            raise TypeError(
                f"Provided python object type {type(weights)} isn't supported as 'weights' argument."
            )
        options = {"ENABLE_MMAP": self._globals["ENABLE_MMAP"]} | plain_config(config or {})
        return read_model(model, weights, options)

    def compile_model(
        self,
        model: Model | str | os.PathLike | bytes,
        device_name: str | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        weights: bytes | Tensor | None = None,
    ) -> CompiledModel:
        """Compile a model, or the model of a file, for a device.

        Args:
            model: a Model, the path of a model file, or with ``weights`` the text of an IR.
            device_name: for instance ``"CPU"``, ``"GPU"``, ``"AUTO:GPU,CPU"``; None is ``"AUTO"``.
            config: properties for this compilation.
            weights: contents of the IR's ``.bin``.

        Raises:
            RuntimeError: the file cannot be read, the device is unknown or unusable, a property is wrong, or an
                operation cannot run on the device.
            TypeError: ``config`` is no mapping.
        """
        device = DeviceName.parse("AUTO" if device_name is None else device_name)
        plugin = self._registry.get(device.plugin)
        options = self._compile_options(plugin, device, config)
        cache = ModelCache.from_config(options.globals)
        source = model if isinstance(model, Model) else _existing_file(model, weights)

        def read() -> Model:
            if isinstance(model, Model):
                return model
            return self.read_model(source, weights, {"ENABLE_MMAP": options.globals["ENABLE_MMAP"]})

        if cache is None or not options.can_cache:
            compiled = plugin.compile_model(read(), options.device)
            return CompiledModel._create(compiled, False if options.can_cache else None)
        plugin_model, cached = cache.compile(plugin, device, source, weights, read, options.device)
        return CompiledModel._create(plugin_model, loaded_from_cache=cached)

    def _compile_options(
        self, plugin: Plugin, device: DeviceName, config: Mapping[str, Any] | None
    ) -> CompileOptions:
        if config is not None and not isinstance(config, Mapping):
            raise incompatible_arguments(
                "compile_model",
                [
                    "(self: ovgpu.Core, model: object, device_name: str, config: collections.abc.Mapping[str, object])"
                ],
                (self, config),
            )
        return compile_options(plugin, device, plain_config(config or {}), self._globals)

    def import_model(
        self,
        model_stream: bytes | BytesIO | Tensor,
        device_name: str,
        config: Mapping[str, Any] | None = None,
    ) -> CompiledModel:
        """Rebuild a compiled model from what :meth:`CompiledModel.export_model` wrote.

        Raises:
            RuntimeError: the device is unknown or the blob is not one of the device's.
            TypeError: ``model_stream`` is none of these types.
        """
        if isinstance(model_stream, BytesIO):
            # The whole buffer, wherever its position is, and the position goes to the start: as OpenVINO does.
            blob = model_stream.getvalue()
            model_stream.seek(0)
        elif isinstance(model_stream, bytes):
            blob = model_stream
        elif isinstance(model_stream, Tensor):
            blob = model_stream.data.tobytes()
        else:
            raise TypeError(
                "CompiledModel.import_model(model_stream) incompatible function argument: `model_stream` must be an "
                f"io.BytesIO object or bytes but {type(model_stream)} provided"
            )
        device = DeviceName.parse(device_name)
        plugin = self._registry.get(device.plugin)
        options = self._compile_options(plugin, device, config)
        return CompiledModel._create(plugin.import_model(blob, options.given), False)

    def query_model(
        self, model: Model, device_name: str, config: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """The friendly names of the operations that the device can run, mapped to its name."""
        device = DeviceName.parse(device_name)
        plugin = self._registry.get(device.plugin)
        return plugin.query_model(model, self._compile_options(plugin, device, config).device)

    # ---- devices ----
    @property
    def available_devices(self) -> list[str]:
        """Names of the devices that can be used here."""
        return self._registry.available_devices()

    def get_available_devices(self) -> list[str]:
        """Names of the devices that can be used here."""
        return self._registry.available_devices()

    def get_versions(self, device_name: str) -> dict[str, Version]:
        """Versions of the plugins behind a device name; empty for an unknown one."""
        versions = {}
        head, _, members = device_name.partition(":")
        for name in [head, *filter(None, members.split(","))]:
            plugin_name = DeviceName.parse(name.lstrip("-").partition("(")[0]).plugin
            try:
                plugin = self._registry.get(plugin_name)
            except RuntimeError:
                continue
            description = getattr(plugin, "description", f"ovgpu_{plugin_name.lower()}_plugin")
            versions[plugin_name] = Version(description)
        return versions

    def register_plugin(
        self, plugin: Any, device_name: str, config: Mapping[str, Any] | None = None
    ) -> None:
        """Add a device.

        Args:
            plugin: ``"module:object"`` of a :class:`Plugin` subclass or factory, or one of these themselves.
            device_name: name of the device.
            config: properties to set on it when it is first used.

        Raises:
            RuntimeError: the device is registered already.
        """
        location = os.fspath(plugin) if isinstance(plugin, os.PathLike) else plugin
        self._registry.register(device_name, location, plain_config(config or {}))

    def register_plugins(self, xml_config_file: str | os.PathLike) -> None:
        """Add the devices of a file ``<ie><plugins><plugin name="X" location="module:object"/></plugins></ie>``.

        Raises RuntimeError when the file cannot be read.
        """
        from ovgpu.inference.plugin_config import read_plugin_config

        for name, location, config in read_plugin_config(Path(xml_config_file)):
            self._registry.register(name, location, config)

    def unload_plugin(self, device_name: str) -> None:
        """Forget a device's plugin object; the next use creates a new one. Raises RuntimeError when unknown."""
        self._registry.unload(device_name)

    def add_extension(self, extension: Any) -> None:
        """Make custom operations known to the model readers: an Op subclass, an Extension, or a list of these.

        Raises RuntimeError for a compiled extension library: those hold code for another runtime.
        """
        if isinstance(extension, str | os.PathLike | bytes):
            raise RuntimeError(
                f"Cannot add extension. Cannot find entry point to the extension library {extension!r}: "
                "libraries of compiled operations cannot be loaded, give an Op subclass instead"
            )
        from ovgpu.inference.extension import register_extension

        for one in extension if isinstance(extension, Iterable) else [extension]:
            register_extension(one)
            self._extensions.append(one)

    # ---- properties ----
    def set_property(self, *args: Any, **kwargs: Any) -> None:
        """``set_property([device_name,] properties)`` with a dict or one (key, value) pair.

        Without a device name the properties go to the Core or to all its devices. Raises RuntimeError for an unknown
        device or property and for a wrong value; TypeError for other forms.
        """
        values = list(args) + [
            kwargs[k] for k in ("device_name", "properties", "property") if k in kwargs
        ]
        config: Any = values[-1] if values else None
        if isinstance(config, tuple) and len(config) == 2 and isinstance(config[0], str):
            config = {config[0]: config[1]}
        valid = isinstance(config, Mapping) and all(isinstance(v, str) for v in values[:-1])
        if not valid or len(values) not in (1, 2) or len(values) != len(args) + len(kwargs):
            raise incompatible_arguments("set_property", _SET_PROPERTY, (self, *args), **kwargs)
        config = plain_config(config)
        if len(values) == 1:
            self._set_globally(config)
            return
        device = DeviceName.parse(values[0])
        self._registry.check_known(device.plugin)
        self._make_cache_folder(config)
        config = {
            k: v for k, v in config.items() if not self._is_accepted_everywhere(device.plugin, k)
        }
        self._registry.set_properties(device.plugin, config)

    def _is_accepted_everywhere(self, plugin_name: str, key: str) -> bool:
        """Whether a Core property was given for a device that has none of that name: taken without effect."""
        if key not in ("CACHE_MODE", "ENABLE_MMAP", "FORCE_TBB_TERMINATE"):
            return False
        try:
            return key not in self._registry.get(plugin_name).properties
        except RuntimeError:
            return False

    def _set_globally(self, config: dict[str, Any]) -> None:
        self._make_cache_folder(config)
        for key in [k for k in config if k in self._globals]:
            self._globals[key] = config.pop(key)
        if not config:
            return
        plugins = [
            self._registry.get("CPU"),
            *(p for p in self._registry.loaded() if p.name != "CPU"),
        ]
        for plugin in plugins:
            plugin.properties.parse(config)  # all or none
        for plugin in plugins:
            plugin.properties.set(config)

    @staticmethod
    def _make_cache_folder(config: Mapping[str, Any]) -> None:
        if config.get("CACHE_DIR"):
            os.makedirs(config["CACHE_DIR"], exist_ok=True)

    def get_property(self, *args: Any, **kwargs: Any) -> Any:
        """``get_property([device_name,] property [, arguments])``: a property's value.

        Raises RuntimeError for an unknown device or property.
        """
        order = ("device_name", "property", "name", "arguments")
        values = [*args, *(kwargs[k] for k in order if k in kwargs)]
        texts = [v for v in values if not isinstance(v, Mapping)]
        if not all(isinstance(v, str) for v in texts) or len(texts) not in (1, 2):
            raise incompatible_arguments("get_property", _GET_PROPERTY, (self, *args), **kwargs)
        name = str(texts[-1])
        if len(texts) == 1:
            if name not in self._globals:
                raise RuntimeError(
                    f"Exception is thrown while trying to call get_property with unsupported property: '{name}'"
                )
            return self._globals[name]
        device = DeviceName.parse(texts[0])
        plugin = self._registry.get(device.plugin)
        if name == "CACHE_DIR" and not plugin.properties.is_set(name):
            return self._globals[name]
        return plugin.properties.get(name)

    # ---- remote memory ----
    def create_context(self, device_name: str, properties: Mapping[str, Any]) -> RemoteContext:
        """A context for memory of the device. Raises RuntimeError for a device without one."""
        return self._remote_context("create_context", device_name, plain_config(properties))

    def get_default_context(self, device_name: str) -> RemoteContext:
        """The context that the device uses by itself. Raises RuntimeError for a device without one."""
        return self._remote_context("get_default_context", device_name, {})

    def _remote_context(
        self, function: str, device_name: str, properties: dict[str, Any]
    ) -> RemoteContext:
        device = DeviceName.parse(device_name)
        plugin = self._registry.get(device.plugin)
        maker = getattr(plugin, function, None)
        if maker is None:
            raise RuntimeError(
                f"Not Implemented:\n{function} is not supported by {plugin.name} plugin!"
            )
        return maker(device.config | properties)

    def __repr__(self) -> str:
        return f"<Core: available plugins[{', '.join(self.available_devices)}]>"


_GET_PROPERTY = [
    "(self: ovgpu.Core, device_name: str, name: str, arguments: collections.abc.Mapping[str, object]) -> object",
    "(self: ovgpu.Core, device_name: str, property: str) -> object",
    "(self: ovgpu.Core, property: str) -> object",
]


def _existing_file(model: Any, weights: Any) -> Any:
    """``model`` when it can name a model; raises RuntimeError when it is neither a path nor, with weights, a text."""
    if isinstance(model, str | os.PathLike | bytes):
        return model
    raise RuntimeError(
        f"Path: '{model}' does not exist. Please provide valid model's path either as a string, bytes or pathlib.Path."
        + (
            " A model in memory is given as the text of an IR with `weights`."
            if weights is not None
            else ""
        )
    )


def compile_model(
    model: Model | str | os.PathLike,
    device_name: str | None = "AUTO",
    config: Mapping[str, Any] | None = None,
) -> CompiledModel:
    """Compile a model on a Core of its own; see :meth:`Core.compile_model`."""
    return Core().compile_model(model, device_name, config)

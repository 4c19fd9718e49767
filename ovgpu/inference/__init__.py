"""Running compiled models: Core, CompiledModel, InferRequest, AsyncInferQueue and what they return."""

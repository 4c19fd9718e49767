// Values that are known on the host while planning, written to device memory as kernel arguments: a CUDA graph then holds
// them, and no host memory has to stay alive.

struct InlineBytes {
    unsigned char bytes[1024];
};

extern "C" __global__ void store_bytes(unsigned char* target, InlineBytes source, int count) {
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        target[i] = source.bytes[i];
    }
}

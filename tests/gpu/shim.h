// What CUDA has and C++ has not: enough to compile the kernels for the host, where the threads of
// a grid run one after the other. Kernels that need a barrier would not fit in here.
#include <cmath>
#include <cstring>

#define __global__
#define __device__

struct Index {
    unsigned x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
static thread_local Index blockIdx, blockDim, threadIdx;

inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

template <typename Number>
inline Number atomicAdd(Number* total, Number value) {
    Number before = *total;
    *total += value;
    return before;
}

// Products with orthogonal inputs level diag(t) H diag(s) (aimcsim/kernels/patterns.py) by the fast
// Walsh-Hadamard transform, stages of butterflies between rows ``half`` apart.
//
// A thread takes up to RADIX rows of a column through up to STAGES stages in its registers: two
// passes over memory for 256 patterns. A grid row is one pass over the patterns of one run,
// i = run x passes + pass; transforms are (n, passes x order, columns).

enum { STAGES = 4, RADIX = 1 << STAGES };

// Butterflies of ``count`` (a power of two) values.
__device__ inline void butterflies(float* value, int count) {
#pragma unroll
    for (int half = 1; half < RADIX; half *= 2) {
#pragma unroll
        for (int k = 0; k < RADIX; k++) {
            if ((k & half) || half >= count || k >= count) continue;
            float a = value[k], b = value[k + half];
            value[k] = a + b;
            value[k + half] = a - b;
        }
    }
}

// Net values of RADIX rows at once. The devices are known where this is compiled, so that all loads
// are under way before the first is waited for.
template <int DEVICES>
__device__ inline void net_of_rows(
    const float* own, u64 plane, int columns, const float* polarity, float* net) {
#pragma unroll
    for (int k = 0; k < RADIX; k++) {
        net[k] = 0;
#pragma unroll
        for (int d = 0; d < DEVICES; d++)
            net[k] += polarity[d] * own[d * plane + (u64)k * columns];
    }
}

// First stages of the transform of sign x net, rows beyond theirs being 0.
// values (N, devices, rows, columns), whose sum with the polarities (devices,) is transformed; or
// (N, passes, rows, columns) if ``apart``, then with one device. The run of a lane says which.
// signs (K, passes, rows)
extern "C" __global__ void transform_first(
    int order, int columns, int passes, int rows, int apart, int stages, float level,
    const u32* lanes, const float* signs, int devices, const float* polarity,
    const float* values, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, count = 1 << stages;
    if (j >= order / count * columns) return;
    int i = blockIdx.y / passes, pass = blockIdx.y % passes, c = j % columns;
    int first = j / columns * count;
    const float* sign = signs + ((u64)lanes[i * LANES + INPUT] * passes + pass) * rows;
    u64 run = lanes[i * LANES + RUN], plane = (u64)rows * columns;
    const float* own = values + (apart ? run * passes + pass : run * devices) * plane + c;
    float* to = out + (u64)blockIdx.y * order * columns + c;
    float value[RADIX];
    bool whole = count == RADIX && first + RADIX <= rows;
    const float* start = own + (u64)first * columns;
    if (whole && devices == 1) {
        net_of_rows<1>(start, plane, columns, polarity, value);
    } else if (whole && devices == 2) {
        net_of_rows<2>(start, plane, columns, polarity, value);
    } else if (whole && devices == 4) {
        net_of_rows<4>(start, plane, columns, polarity, value);
    } else {
#pragma unroll
        for (int k = 0; k < RADIX; k++) {
            value[k] = 0;
            if (k < count && first + k < rows)
                for (int d = 0; d < devices; d++)
                    value[k] += polarity[d] * start[d * plane + (u64)k * columns];
        }
    }
#pragma unroll
    for (int k = 0; k < RADIX; k++)
        value[k] = first + k < rows ? level * sign[first + k] * value[k] : 0.0f;
    butterflies(value, count);
#pragma unroll
    for (int k = 0; k < RADIX; k++)
        if (k < count) to[(u64)(first + k) * columns] = value[k];
}

// Further stages, from rows ``half`` apart on, in place.
extern "C" __global__ void transform_next(
    int order, int columns, int half, int stages, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, count = 1 << stages;
    if (j >= order / count * columns) return;
    int group = j / columns;
    int first = group / half * (half * count) + group % half;
    float* own = out + ((u64)blockIdx.y * order + first) * columns + j % columns;
    float value[RADIX];
#pragma unroll
    for (int k = 0; k < RADIX; k++)
        if (k < count) value[k] = own[(u64)k * half * columns];
    butterflies(value, count);
#pragma unroll
    for (int k = 0; k < RADIX; k++)
        if (k < count) own[(u64)k * half * columns] = value[k];
}

// A transform times the signs of its patterns, (K, passes, order): the outputs of the inputs.
extern "C" __global__ void sign_patterns(
    int order, int columns, int passes, const u32* lanes, const float* signs, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= order * columns) return;
    int i = blockIdx.y / passes, pass = blockIdx.y % passes;
    u64 k = (u64)lanes[i * LANES + INPUT] * passes + pass;
    out[(u64)blockIdx.y * order * columns + j] *= signs[k * order + j / columns];
}

// out (n, rows, columns): a transform times the signs of the rows, added up over the passes
extern "C" __global__ void add_passes(
    int order, int columns, int passes, int rows, const u32* lanes, const float* signs,
    const float* transform, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (j >= rows * columns) return;
    float sum = 0;
    for (int pass = 0; pass < passes; pass++) {
        u64 k = (u64)lanes[i * LANES + INPUT] * passes + pass;
        u64 at = ((u64)i * passes + pass) * order * columns + j;
        sum += signs[k * rows + j / columns] * transform[at];
    }
    out[(u64)i * rows * columns + j] = sum;
}

// Sum over the rows of a column of the variances of its devices; DEVICES as ``devices``, or 0.
template <int DEVICES>
__device__ inline float variance_of(
    const float* own, u64 plane, int rows, int columns, int devices, float read_noise,
    float read_floor) {
    float sum = 0;
#pragma unroll 8
    for (int r = 0; r < rows; r++)
#pragma unroll
        for (int d = 0; d < (DEVICES ? DEVICES : devices); d++) {
            float deviation = read_noise * own[d * plane + (u64)r * columns] + read_floor;
            sum += deviation * deviation;
        }
    return sum;
}

// variance (n, columns): of a column's current where all inputs have the magnitude ``level``, from
// g (N, devices, rows, columns)
extern "C" __global__ void column_variance(
    int rows, int columns, const u32* lanes, float level, int devices, const float* g,
    float read_noise, float read_floor, float* variance) {
    int c = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (c >= columns) return;
    u64 plane = (u64)rows * columns;
    const float* own = g + (u64)lanes[i * LANES + RUN] * devices * plane + c;
    float sum;
    if (devices == 2) {
        sum = variance_of<2>(own, plane, rows, columns, devices, read_noise, read_floor);
    } else if (devices == 4) {
        sum = variance_of<4>(own, plane, rows, columns, devices, read_noise, read_floor);
    } else {
        sum = variance_of<0>(own, plane, rows, columns, devices, read_noise, read_floor);
    }
    variance[(u64)i * columns + c] = level * level * sum;
}

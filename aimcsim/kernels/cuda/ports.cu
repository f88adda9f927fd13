// What the ports of a core compute: reads, matrix-vector products, pulses.
// Stated in aimcsim/kernels/reference.py and aimcsim/physics/converters.py. One row of the grid
// (blockIdx.y) is one run.

// Adds up ``value`` of all threads; ``total`` is the same address in a whole warp.
__device__ inline void add_to(u64* total, u32 value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    u32 mask = __activemask();
    value = __reduce_add_sync(mask, value);
    if ((threadIdx.x & 31) != __ffs(mask) - 1) return;
#endif
    if (value) atomicAdd(total, (u64)value);
}

// The same in double precision, exact in any order; called by all threads of every warp. One atomic
// operation for a warp: they are many, all at one address, and would be most of a kernel's time.
__device__ inline void add_to(double* total, double value) {
#ifdef __CUDA_ARCH__
    for (int apart = 16; apart > 0; apart /= 2)
        value += __shfl_down_sync(0xFFFFFFFFu, value, apart);
    if (threadIdx.x & 31) return;
#endif
    if (value != 0) atomicAdd(total, value);
}

// ``value`` within [low, high]; what is no number stays, where fminf and fmaxf would make it one.
__device__ inline float clipped_to(float value, float low, float high) {
    return value == value ? fminf(fmaxf(value, low), high) : value;
}

// The ADC, of 2 * half levels: the code of a value in its steps.
__device__ inline float adc_code(float steps, float half) {
    return clipped_to(rintf(steps), -half, half - 1.0f);
}

// A column's read-out of one signal whose read noise has ``variance``; ``floor`` is the variance of
// the conversion's own noise, ``draw`` a standard normal. Counts a code at an end as ``clipped``.
__device__ inline float converted(
    float signal, float variance, float floor, float draw, float gain, float offset, float scale,
    float half, u32& clipped) {
    float deviation = sqrtf(variance * gain * gain + floor);
    float value = signal * gain + offset * scale;
    value += deviation * draw;
    float step = scale / half, code = adc_code(value / step, half);
    clipped += code == -half || code == half - 1.0f;
    return code * step;
}

// g (N, D, cells), gain and offset (U, C), full_scale (U,), device (n, cells) if ``single``; out
// (n, cells). noise: of a conversion, in full scales
extern "C" __global__ void read_cells(
    int cells, const u32* lanes, u32 seed, u32 quantity, int devices, int columns, const float* g,
    const float* polarity, int single, const signed char* device, float read_noise,
    float read_floor, const float* gain, const float* offset, const float* full_scale,
    float half, float noise, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, e = first_element(j);
    if (e >= cells) return;
    Normals drawn = normals_of(block_of(lanes, i, j, seed, quantity));
    const float* own = g + (u64)lanes[i * LANES + RUN] * devices * cells;
    u32 unit = lanes[i * LANES + UNIT];
    const u64 column = (u64)unit * columns;
    float scale = full_scale[unit], own_noise = noise * scale * noise * scale;
    float cross = 2.0f * read_noise * read_floor;
    float floor = (float)(single ? 1 : devices) * read_floor * read_floor;
    u32 clipped = 0;
    for (int w = 0; w < 4; w++, e += 16) {
        if (e >= cells) return;
        float net = 0, square = 0, total = 0;
        if (single) {
            net = own[(u64)device[(u64)i * cells + e] * cells + e];
            square = net * net;
            total = net;
        } else {
            for (int d = 0; d < devices; d++) {
                float value = own[(u64)d * cells + e];
                net += polarity[d] * value;
                square += value * value;
                total += value;
            }
        }
        float variance = read_noise * read_noise * square + (cross * total + floor);
        u64 at = column + e % columns;
        out[(u64)i * cells + e] = converted(
            net, variance, own_noise, drawn.z[w], gain[at], offset[at], scale, half, clipped);
    }
}

// Net conductance and read variance of every cell, (n, cells), from g (N, D, cells).
extern "C" __global__ void assemble(
    int cells, const u32* lanes, int devices, const float* g, const float* polarity,
    float read_noise, float read_floor, float* net, float* variance) {
    int e = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (e >= cells) return;
    const float* own = g + (u64)lanes[i * LANES + RUN] * devices * cells;
    float difference = 0, square = 0, total = 0;
    for (int d = 0; d < devices; d++) {
        float value = own[(u64)d * cells + e];
        difference += polarity[d] * value;
        square += value * value;
        total += value;
    }
    net[(u64)i * cells + e] = difference;
    variance[(u64)i * cells + e] =
        square * (read_noise * read_noise) +
        (2.0f * read_noise * read_floor * total + (float)devices * read_floor * read_floor);
}

// How a variance comes to the ADCs: none, one for every output, or one for every column.
enum { NO_VARIANCE, VARIANCE_OF_OUTPUT, VARIANCE_OF_COLUMN };

// Products become what the ADCs report: y and variance (n, outputs), outputs = batch x columns,
// or variance (n, columns); saturated (n,) grows. If ``signed_batch``, outputs are first multiplied
// by the signs of their patterns, (K, batch).
extern "C" __global__ void read_out(
    int outputs, const u32* lanes, u32 seed, u32 quantity, int columns, const float* gain,
    const float* offset, const float* full_scale, float half, float noise, int kind,
    const float* variance, int signed_batch, const float* signs, float* y, u64* saturated) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, e = first_element(j);
    if (e >= outputs) return;
    Normals drawn = normals_of(block_of(lanes, i, j, seed, quantity));
    u32 unit = lanes[i * LANES + UNIT];
    const u64 column = (u64)unit * columns;
    float scale = full_scale[unit], floor = noise * scale * noise * scale;
    u32 clipped = 0;
    for (int w = 0; w < 4; w++, e += 16) {
        if (e >= outputs) break;
        u64 at = (u64)i * outputs + e, own = column + e % columns;
        float spread = kind == VARIANCE_OF_OUTPUT   ? variance[at]
                       : kind == VARIANCE_OF_COLUMN ? variance[(u64)i * columns + e % columns]
                                                    : 0.0f;
        u64 pattern = (u64)lanes[i * LANES + INPUT] * (outputs / columns) + e / columns;
        float current = signed_batch ? signs[pattern] * y[at] : y[at];
        y[at] = converted(
            current, spread, floor, drawn.z[w], gain[own], offset[own], scale, half, clipped);
    }
    add_to(saturated + i, clipped);
}

// One pulse at one device of each cell where current (n, cells) is not zero; changes g
// (N, D, cells). The law's arrays are (U, D, cells); fired (n, 2): melt-quench pulses and SETs;
// total (n,): currents above 0 added up, exact in double precision in any order.
extern "C" __global__ void pulse(
    int cells, const u32* lanes, u32 seed, u32 jitter_quantity, u32 quench_quantity, int devices,
    const float* current, const signed char* device, const float* g_set, const float* g_reset,
    const float* i_half, const float* i_width, float i_melt, float current_jitter,
    float current_jitter_slope, float quench_noise, float* g, u64* fired, double* total) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, first = first_element(j);
    u64 row = (u64)i * cells;
    bool any = false;
    for (int w = 0, e = first; w < 4 && e < cells; w++, e += 16) any |= current[row + e] != 0.0f;
    u32 melted = 0, set = 0;
    double sum = 0;
    if (any) {
        Normals jitter = normals_of(block_of(lanes, i, j, seed, jitter_quantity));
        Normals quench = normals_of(block_of(lanes, i, j, seed, quench_quantity));
        for (int w = 0, e = first; w < 4 && e < cells; w++, e += 16) {
            float asked = current[row + e];
            if (asked == 0.0f) continue;
            u64 d = device[row + e];
            u64 own = ((u64)lanes[i * LANES + UNIT] * devices + d) * cells + e;
            float* state = g + ((u64)lanes[i * LANES + RUN] * devices + d) * cells + e;
            float spread = 1.0f + quench_noise * quench.z[w];
            if (asked < 0.0f) {
                set++;
                *state = fmaxf(g_set[own] * spread, 0.0f);
                continue;
            }
            melted++;
            sum += asked;
            float deviation = current_jitter;
            deviation += current_jitter_slope * fmaxf(asked - i_melt, 0.0f);
            float effective = asked + deviation * jitter.z[w];
            if (effective >= i_melt) {
                float plug = 1.0f / (1.0f + expf((effective - i_half[own]) / i_width[own]));
                float low = g_reset[own];
                *state = fmaxf((low + (g_set[own] - low) * plug) * spread, 0.0f);
            }
        }
    }
    add_to(fired + 2 * i, melted);
    add_to(fired + 2 * i + 1, set);
    add_to(total + i, sum);
}

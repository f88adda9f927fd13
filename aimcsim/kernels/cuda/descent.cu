// What gradient-descent programming computes per cell, stated in kernels/reference.py.
//
// Sums over rows go in segments of SEGMENT rows, one thread per segment and column, and then over
// the segments in order: nothing is shared between threads, and no sum depends on how many runs
// there are or which thread comes first.

enum { SEGMENT = 16 };

__device__ inline int segments_of(int rows) { return (rows + SEGMENT - 1) / SEGMENT; }

// y (n, batch, columns) becomes y - ideal[unit]; partial (n, segments, columns): sums of squares
extern "C" __global__ void residual(
    int batch, int columns, const u32* lanes, const float* ideal, float* y, float* partial) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (j >= segments_of(batch) * columns) return;
    int c = j % columns, start = j / columns * SEGMENT;
    const float* exact = ideal + (u64)lanes[i * LANES + UNIT] * batch * columns + c;
    float* seen = y + (u64)i * batch * columns + c;
    float sum = 0;
    for (int b = start; b < start + SEGMENT && b < batch; b++) {
        float error = seen[(u64)b * columns] - exact[(u64)b * columns];
        seen[(u64)b * columns] = error;
        sum += error * error;
    }
    partial[(u64)i * segments_of(batch) * columns + j] = sum;
}

// total (n, columns): partial (n, segments, columns) added up in order
extern "C" __global__ void add_segments(
    int segments, int columns, const float* partial, float* total) {
    int c = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (c >= columns) return;
    float sum = 0;
    for (int s = 0; s < segments; s++) sum += partial[((u64)i * segments + s) * columns + c];
    total[(u64)i * columns + c] = sum;
}

// partial (2, n, segments, columns): sums of y^2 and of y x ideal[unit], y (n, batch, columns)
extern "C" __global__ void output_sums(
    int n, int batch, int columns, const u32* lanes, const float* y, const float* ideal,
    double* partial) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, segments = segments_of(batch);
    if (j >= segments * columns) return;
    int c = j % columns, start = j / columns * SEGMENT;
    const float* exact = ideal + (u64)lanes[i * LANES + UNIT] * batch * columns + c;
    const float* seen = y + (u64)i * batch * columns + c;
    double squares = 0, products = 0;
    for (int b = start; b < start + SEGMENT && b < batch; b++) {
        double value = seen[(u64)b * columns];
        squares += value * value;
        products += value * (double)exact[(u64)b * columns];
    }
    u64 at = (u64)i * segments * columns + j;
    partial[at] = squares;
    partial[(u64)n * segments * columns + at] = products;
}

// total (n, columns): partial (n, segments, columns) added up in order
extern "C" __global__ void add_double_segments(
    int segments, int columns, const double* partial, double* total) {
    int c = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (c >= columns) return;
    double sum = 0;
    for (int s = 0; s < segments; s++) sum += partial[((u64)i * segments + s) * columns + c];
    total[(u64)i * columns + c] = sum;
}

// What of the gradient a cell's estimate explains: given, or power x estimate.
__device__ inline float explained_by(
    int orthogonal, float power, float known, const float* predicted, u64 at) {
    return orthogonal ? power * known : predicted[at];
}

// partial (n, segments, columns): what the estimates explain of the energy, negative
extern "C" __global__ void explained(
    int rows, int columns, int orthogonal, const u32* lanes, const float* estimate,
    const float* gradient, const float* predicted, const float* power, float* partial) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (j >= segments_of(rows) * columns) return;
    int c = j % columns, start = j / columns * SEGMENT;
    const float* known = estimate + (u64)lanes[i * LANES + RUN] * rows * columns;
    u64 own = (u64)i * rows * columns;
    float sum = 0;
    for (int r = start; r < start + SEGMENT && r < rows; r++) {
        u64 at = (u64)r * columns + c;
        float expected = explained_by(orthogonal, power[i], known[at], predicted, own + at);
        sum += known[at] * (expected - 2.0f * gradient[own + at]);
    }
    partial[(u64)i * segments_of(rows) * columns + j] = sum;
}

// noise (n, columns): variance of an estimate from this batch alone
extern "C" __global__ void left_over(
    int segments, int columns, const float* energy, const float* partial, const float* power,
    const int* running, float batch, float* noise) {
    int c = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (c >= columns) return;
    float left = energy[(u64)i * columns + c];
    if (running[i])
        for (int s = 0; s < segments; s++) left += partial[((u64)i * segments + s) * columns + c];
    noise[(u64)i * columns + c] = fmaxf(left, 1.17549435e-38f) / batch * (1.0f / power[i]);
}

// error and variance (N, rows, columns), the estimates, of the runs are replaced
extern "C" __global__ void fold(
    int cells, int columns, int orthogonal, const u32* lanes, const float* gradient,
    const float* predicted, const float* noise, const float* power, const int* running,
    float* error, float* variance) {
    int e = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (e >= cells) return;
    u64 own = (u64)i * cells + e, state = (u64)lanes[i * LANES + RUN] * cells + e;
    float inverse = 1.0f / power[i], drawn = noise[(u64)i * columns + e % columns];
    if (running[i]) {
        float before = variance[state], gain = before / (before + drawn);
        float expected = explained_by(orthogonal, power[i], error[state], predicted, own);
        error[state] += gain * ((gradient[own] - expected) * inverse);
        variance[state] = (1.0f - gain) * before;
    } else {
        error[state] = gradient[own] * inverse;
        variance[state] = drawn;
    }
}

// As in aimcsim/kernels/interface.py.
constexpr float SHEET = 5.0f, LEARNING = 3.0f;

// Scatter of a device, from its data sheet and from what its pulses have left.
__device__ inline float device_scatter(float sheet, float fired, float surprise) {
    float seen = fmaxf(fired - LEARNING, 0.0f);
    return sqrtf((SHEET * sheet * sheet + surprise) / (SHEET + seen));
}

// Columns of ``settings`` (n, DECISIONS) of decide.
enum { PRIOR, NOISE_THRESHOLD, FLOOR, LEAST, RATE, DECAY, HIGHEST_TO_CHANGE, DECISIONS };

// scatter, response and bend (U, cells); current, fired, surprise, error and variance (the
// estimates) (N, cells), rested (N, cells) if ``again``; fire (n, cells).
// HIGHEST_TO_CHANGE is infinite where a run's cells never change polarity; marked (1,) grows by the
// cells that are to change.
extern "C" __global__ void decide(
    int cells, const u32* lanes, const float* settings, const signed char* sign, const bool* tunable,
    const float* scatter, const float* response, const float* bend, float lowest, float highest,
    float change_mark, int again, bool* rested, float* current, float* fired, float* surprise,
    float* error, float* variance, float* fire, u64* marked) {
    int e = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y;
    if (e >= cells) return;
    u64 at = (u64)lanes[i * LANES + RUN] * cells + e, own = (u64)i * cells + e;
    u64 target = (u64)lanes[i * LANES + UNIT] * cells + e;
    float deviation = error[at] * (float)sign[at];
    float noise = settings[i * DECISIONS + NOISE_THRESHOLD] * sqrtf(variance[at]);
    // Most cells end here, and what their devices have gone through need not be read.
    bool fires =
        tunable[at] && fabsf(deviation) > fmaxf(noise, settings[i * DECISIONS + LEAST]);
    if (fires) {
        float known = device_scatter(scatter[target], fired[at], surprise[at]);
        fires = fabsf(deviation) > settings[i * DECISIONS + FLOOR] * known;
    }
    if (!fires) {
        fire[own] = 0;
        return;
    }
    float move = deviation * response[target] / (1.0f + bend[target] * fmaxf(deviation, 0.0f));
    float step = settings[i * DECISIONS + RATE] * move /
        (1.0f + settings[i * DECISIONS + DECAY] * fired[at]);
    if (again) {
        if (rested[at]) step = 0;
        rested[at] = false;
    }
    float before = current[at];
    if (deviation > 0.0f && before >= settings[i * DECISIONS + HIGHEST_TO_CHANGE]) {
        fire[own] = change_mark;
        add_to(marked, 1);
        return;
    }
    float moved = fminf(fmaxf(before + step, lowest), highest);
    current[at] = moved;
    if (fired[at] >= LEARNING) surprise[at] += error[at] * error[at];
    fired[at] += 1.0f;
    float after = settings[i * DECISIONS + PRIOR] *
        device_scatter(scatter[target], fired[at], surprise[at]);
    error[at] = 0;
    variance[at] = after * after;
    fire[own] = moved;
}

// found (as many as there are): where in fire (n, cells) the mark is, in any order; next (1,) is 0
extern "C" __global__ void places_of(int cells, float mark, const float* fire, u64* next, u64* found) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    u64 at = (u64)blockIdx.y * cells + e;
    if (e < cells && fire[at] == mark) found[atomicAdd(next, (u64)1)] = at;
}

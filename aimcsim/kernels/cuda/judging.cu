// Sums that programming error is made of, stated in kernels/reference.py.

enum { MOMENTS = 3 };

// partial (n, parts, bins, MOMENTS): of every ``parts``-th cell, by its target: how many, sum of
// errors, sum of their squares. net (n, cells), targets (U, cells). A thread adds up one bin, so that
// its sums are in registers; those of all bins read the same cells together.
extern "C" __global__ void target_bins(
    int cells, int parts, const u32* lanes, const float* net, const float* targets, float g_max,
    int bins, double* partial) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, bin = j % bins;
    if (j >= parts * bins) return;
    const float* aim = targets + (u64)lanes[i * LANES + UNIT] * cells;
    const float* held = net + (u64)i * cells;
    double count = 0, sum = 0, squares = 0;
    for (int e = j / bins; e < cells; e += parts) {
        float magnitude = fabsf(aim[e]);
        int place = (int)(magnitude / g_max * (float)bins);
        if (magnitude == 0.0f || (place < bins ? place : bins - 1) != bin) continue;
        double error = (double)(aim[e] > 0.0f ? held[e] : -held[e]) - (double)magnitude;
        count += 1;
        sum += error;
        squares += error * error;
    }
    double* to = partial + ((u64)i * parts * bins + j) * MOMENTS;
    to[0] = count;
    to[1] = sum;
    to[2] = squares;
}

// What networks compute on programmed cores: products of patches, their conversions, and digital
// operators. Stated in aimcsim/kernels/reference.py and aimcsim/networks/passes.py.
//
// Values are float32, channels last. One row of the grid (blockIdx.y) is one image. Every sum is
// taken by one thread in a fixed order: no result depends on how many images there are.

// Values (images, height, width, every) of ``channels`` channels from ``first`` on, inside a frame
// of zeros: out (images, tall, wide, channels), the image ``top`` rows and ``left`` columns inside.
// If ``coded``, as DAC codes. A thread takes ``some`` channels, 1, or 4 that lie at a multiple of
// 16 bytes on both sides.
extern "C" __global__ void frame(
    int threads, int some, int height, int width, int every, const float* values, int first,
    int channels, int tall, int wide, int top, int left, int coded, float to_code, float top_code,
    float* out) {
    u32 j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= (u32)threads) return;
    u64 image = blockIdx.y;
    u32 e = j * some, pixel = e / channels;
    int row = (int)(pixel / wide) - top, column = (int)(pixel % wide) - left;
    bool inside = row >= 0 && row < height && column >= 0 && column < width;
    const float* from =
        values + ((image * height + row) * width + column) * every + first + e % channels;
    float* to = out + image * ((u64)tall * wide * channels) + e;
    float4 x = {0.0f, 0.0f, 0.0f, 0.0f};
    if (inside) {
        if (some == 4)
            x = *(const float4*)from;
        else
            x.x = *from;
        if (coded) {
            x.x = clipped_to(rintf(x.x * to_code), -top_code, top_code);
            x.y = clipped_to(rintf(x.y * to_code), -top_code, top_code);
            x.z = clipped_to(rintf(x.z * to_code), -top_code, top_code);
            x.w = clipped_to(rintf(x.w * to_code), -top_code, top_code);
        }
    }
    if (some == 4)
        *(float4*)to = x;
    else
        *to = x.x;
}

// A thread takes some positions in a row and COLUMNS columns, whose sums it keeps in registers: an
// input that is loaded serves all of these columns, a weight all of these positions. Neighbouring
// threads have neighbouring columns.
enum { COLUMNS = 7 };

struct Patches {
    int positions, across;     // of the kernel on an image, and in a row of them
    int columns;               // of the weights
    int tall, wide, channels;  // the kernel; inputs are ordered (row, column, channel)
    int down, right;           // elements of the frame from position to position
    int far_down, far_right;   // and from point to point of the kernel
};

// Sums of the products of one input of each position with its weights, and, if READS, of its square
// with its variances.
template <bool READS, int POSITIONS>
__device__ inline void multiply_input(
    const float (&x)[POSITIONS], const float* weights, const float* variance,
    const int (&column)[COLUMNS], float (&sum)[POSITIONS][COLUMNS],
    float (&square)[READS ? POSITIONS : 1][COLUMNS]) {
    float w[COLUMNS];
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) w[c] = weights[column[c]];
#pragma unroll
    for (int i = 0; i < POSITIONS; i++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) sum[i][c] = fmaf(x[i], w[c], sum[i][c]);
    if constexpr (READS) {
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) w[c] = variance[column[c]];
#pragma unroll
        for (int i = 0; i < POSITIONS; i++) {
            float power = x[i] * x[i];
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) square[i][c] = fmaf(power, w[c], square[i][c]);
        }
    }
}

// Products of what the kernel sees in ``image`` with ``weights`` (inputs, columns), and, if READS,
// of its squares with ``variance``, into current and spread (positions, columns).
template <bool READS, int POSITIONS>
__device__ inline void multiply_patches(
    const Patches p, int thread, const float* image, const float* weights, const float* variance,
    float* current, float* spread) {
    int groups = (p.columns + COLUMNS - 1) / COLUMNS;
    int group = thread % groups, first = thread / groups * POSITIONS;
    if (first >= p.positions) return;
    int at[POSITIONS], column[COLUMNS];
    float sum[POSITIONS][COLUMNS] = {}, square[READS ? POSITIONS : 1][COLUMNS] = {};
#pragma unroll
    for (int i = 0; i < POSITIONS; i++) {  // those beyond the last compute the last again
        int position = first + i < p.positions ? first + i : p.positions - 1;
        at[i] = position / p.across * p.down + position % p.across * p.right;
    }
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        int own = group + c * groups;
        column[c] = own < p.columns ? own : p.columns - 1;
    }
    for (int r = 0; r < p.tall; r++)
        for (int c = 0; c < p.wide; c++) {
            const float* point = image + r * p.far_down + c * p.far_right;
            int k = 0;
            if (p.channels % 4 == 0)  // every patch begins at a multiple of 16 bytes
                for (; k < p.channels; k += 4) {
                    float x[4][POSITIONS];
#pragma unroll
                    for (int i = 0; i < POSITIONS; i++) {
                        float4 four = *(const float4*)(point + at[i] + k);
                        x[0][i] = four.x;
                        x[1][i] = four.y;
                        x[2][i] = four.z;
                        x[3][i] = four.w;
                    }
#pragma unroll
                    for (int j = 0; j < 4; j++) {
                        multiply_input<READS, POSITIONS>(
                            x[j], weights, variance, column, sum, square);
                        weights += p.columns;
                        if (READS) variance += p.columns;
                    }
                }
            for (; k < p.channels; k++) {
                float x[POSITIONS];
#pragma unroll
                for (int i = 0; i < POSITIONS; i++) x[i] = point[at[i] + k];
                multiply_input<READS, POSITIONS>(x, weights, variance, column, sum, square);
                weights += p.columns;
                if (READS) variance += p.columns;
            }
        }
#pragma unroll
    for (int i = 0; i < POSITIONS; i++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            if (first + i < p.positions && group + c * groups < p.columns) {
                u64 to = (u64)(first + i) * p.columns + column[c];
                current[to] = sum[i][c];
                if (READS) spread[to] = square[READS ? i : 0][c];
            }
}

// frames (images, size), current (images, positions, columns); 8 positions a thread
extern "C" __global__ void patch_products(
    int positions, int across, int columns, int tall, int wide, int channels, int down, int right,
    int far_down, int far_right, int size, const float* frames, const float* weights,
    float* current) {
    const Patches p = {positions, across, columns, tall,     wide,
                       channels,  down,   right,   far_down, far_right};
    u64 image = blockIdx.y, outputs = (u64)positions * columns;
    multiply_patches<false, 8>(
        p, blockIdx.x * blockDim.x + threadIdx.x, frames + image * size, weights, nullptr,
        current + image * outputs, nullptr);
}

// The same, and the variance of the reads beside it, spread (images, positions, columns); 4
// positions a thread.
extern "C" __global__ void patch_products_and_variances(
    int positions, int across, int columns, int tall, int wide, int channels, int down, int right,
    int far_down, int far_right, int size, const float* frames, const float* weights,
    const float* variance, float* current, float* spread) {
    const Patches p = {positions, across, columns, tall,     wide,
                       channels,  down,   right,   far_down, far_right};
    u64 image = blockIdx.y, outputs = (u64)positions * columns;
    multiply_patches<true, 4>(
        p, blockIdx.x * blockDim.x + threadIdx.x, frames + image * size, weights, variance,
        current + image * outputs, spread + image * outputs);
}

// What the converters make of a piece's currents (images, positions, columns), in steps of the ADC,
// goes to out (images, positions, every) from column ``place`` on: added to what is there, or, if
// ``fresh``, in its place. Noise of image i, if ``noisy``: access first_access + i x step; its
// deviation is the root of ``floor``, if ``reads`` of spread (images, positions, columns) + floor.
extern "C" __global__ void add_codes(
    int outputs, int columns, int every, int place, int fresh, int noisy, u32 seed, u32 chip, u32 tile,
    u32 quantity, u32 first_access, u32 step, const float* current, int reads, const float* spread,
    float floor, const float* offset, float half, const float* scale, const float* shift,
    float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, e = first_element(j);
    if (e >= outputs) return;
    u64 image = blockIdx.y;
    Normals drawn = {{0.0f, 0.0f, 0.0f, 0.0f}};
    if (noisy)
        drawn = normals_of(
            philox(j, first_access + (u32)image * step, quantity, tile, seed, chip));
    for (int w = 0; w < 4; w++, e += 16) {
        if (e >= outputs) return;
        u64 from = image * outputs + e;
        float value = current[from];
        if (noisy) value += sqrtf(reads ? spread[from] + floor : floor) * drawn.z[w];
        u32 position = (u32)e / columns, column = e - position * columns;
        u64 to = (image * (outputs / columns) + position) * every + place + column;
        value = adc_code(value + offset[column], half) * scale[column] + shift[column];
        out[to] = fresh ? value : out[to] + value;
    }
}

// values * scale + offset within [low, high]; as on the CPU, what is no number stays
__device__ inline float affine_of(
    float value, float scale, float offset, float other, float low, float high) {
    value = value * scale + offset + other;
    value = value < low ? low : value;
    return value > high ? high : value;
}

// values * scale + offset, (channels,) each, plus ``other`` if ``summed``, within [low, high];
// values, other and out (images, some x threads). A thread takes ``some`` neighbours: 1, or 4
// where there are a multiple of 4 channels.
extern "C" __global__ void affine(
    int threads, int some, int channels, const float* values, const float* scale,
    const float* offset, int summed, const float* other, float low, float high, float* out) {
    u32 j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= (u32)threads) return;
    u64 at = ((u64)blockIdx.y * threads + j) * some;
    u32 c = j * some % channels;
    if (some == 1) {
        out[at] = affine_of(
            values[at], scale[c], offset[c], summed ? other[at] : 0.0f, low, high);
        return;
    }
    float4 x = *(const float4*)(values + at), more = {0.0f, 0.0f, 0.0f, 0.0f};
    if (summed) more = *(const float4*)(other + at);
    float4 s = *(const float4*)(scale + c), o = *(const float4*)(offset + c);
    x.x = affine_of(x.x, s.x, o.x, more.x, low, high);
    x.y = affine_of(x.y, s.y, o.y, more.y, low, high);
    x.z = affine_of(x.z, s.z, o.z, more.z, low, high);
    x.w = affine_of(x.w, s.w, o.w, more.w, low, high);
    *(float4*)(out + at) = x;
}

// The error function of values (images, elements).
extern "C" __global__ void error_function(int elements, const float* values, float* out) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= elements) return;
    u64 at = (u64)blockIdx.y * elements + e;
    out[at] = erff(values[at]);
}

// Largest of each window, (images, rows, columns, channels) of values (images, height, width,
// channels); pixels outside of the image do not count.
extern "C" __global__ void max_pool(
    int elements, int columns, int channels, int height, int width, const float* values, int tall,
    int wide, int down, int right, int far_down, int far_right, int top, int left, float* out) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= elements) return;
    u64 image = blockIdx.y;
    int c = e % channels, x = e / channels % columns, y = e / channels / columns;
    float best = __uint_as_float(0xFF800000u);  // minus infinity
    for (int i = 0; i < tall; i++) {
        int row = y * down - top + i * far_down;
        if (row < 0 || row >= height) continue;
        for (int j = 0; j < wide; j++) {
            int column = x * right - left + j * far_right;
            if (column < 0 || column >= width) continue;
            float value = values[((image * height + row) * width + column) * channels + c];
            best = value > best ? value : best;
        }
    }
    out[image * elements + e] = best;
}

// Mean over each window; the divisor counts the padding too if ``count_padding``, but nothing
// beyond it: ``bottom`` and ``beyond`` are the padding at the ends.
extern "C" __global__ void average_pool(
    int elements, int columns, int channels, int height, int width, const float* values, int tall,
    int wide, int down, int right, int far_down, int far_right, int top, int left, int bottom,
    int beyond, int count_padding, float* out) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= elements) return;
    u64 image = blockIdx.y;
    int c = e % channels, x = e / channels % columns, y = e / channels / columns, count = 0;
    float sum = 0.0f;
    for (int i = 0; i < tall; i++) {
        int row = y * down - top + i * far_down;
        for (int j = 0; j < wide; j++) {
            int column = x * right - left + j * far_right;
            if (row >= 0 && row < height && column >= 0 && column < width) {
                count++;
                sum += values[((image * height + row) * width + column) * channels + c];
            } else if (count_padding && row < height + bottom && column < width + beyond)
                count++;
        }
    }
    out[image * elements + e] = sum * (1.0f / (float)(count > 1 ? count : 1));
}

// Convolution of every channel by itself, plus bias (outputs,): weights (tall, wide, outputs);
// output o sees channel o / per_channel.
extern "C" __global__ void depthwise(
    int elements, int columns, int outputs, int per_channel, int height, int width,
    const float* values, const float* weights, const float* bias, int tall, int wide, int down,
    int right, int far_down, int far_right, int top, int left, float* out) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= elements) return;
    u64 image = blockIdx.y;
    int o = e % outputs, x = e / outputs % columns, y = e / outputs / columns;
    int channels = outputs / per_channel, c = o / per_channel;
    float sum = 0.0f;
    for (int i = 0; i < tall; i++) {
        int row = y * down - top + i * far_down;
        if (row < 0 || row >= height) continue;
        for (int j = 0; j < wide; j++) {
            int column = x * right - left + j * far_right;
            if (column < 0 || column >= width) continue;
            float value = values[((image * height + row) * width + column) * channels + c];
            sum += value * weights[(u64)(i * wide + j) * outputs + o];
        }
    }
    out[image * elements + e] = sum + bias[o];
}

// Random numbers: Philox 4x32-10 and Box-Muller, as in aimcsim.common.random and aimcsim.kernels.cpu.
//
// One thread takes one Philox block: four words, so four elements of a row, 16 apart. The sixteen
// blocks of a chunk of 64 elements sit in neighbouring threads, so that their accesses coalesce.
//
// The arithmetic is that of the CPU kernels, operation by operation: compiled without contraction
// into fused multiply-adds, uniforms and normals have the same bits.

typedef unsigned int u32;
typedef unsigned long long u64;

struct Words {
    u32 w[4];
};

// Columns of the array ``lanes`` (n, LANES): what the kernels need to know of each run.
enum { RUN, UNIT, CHIP, TILE, ACCESS, INPUT, LANES };

__device__ inline Words philox(u32 c0, u32 c1, u32 c2, u32 c3, u32 k0, u32 k1) {
    for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)c0 * 0xD2511F53u;
        u64 p1 = (u64)c2 * 0xCD9E8D57u;
        c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
        c1 = (u32)p1;
        c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c3 = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// The block of thread j at the address of run i.
__device__ inline Words block_of(const u32* lanes, int i, int j, u32 seed, u32 quantity) {
    const u32* own = lanes + i * LANES;
    return philox(j, own[ACCESS], quantity, own[TILE], seed, own[CHIP]);
}

// First of the four elements of thread j; the others follow 16 apart.
__device__ inline int first_element(int j) { return j / 16 * 64 + j % 16; }

// sqrt(-2 ln u) for u = (word + 1/2) / 2**32; logarithm by the polynomial of Cephes' logf.
__device__ inline float radius(u32 word) {
    u32 bits = __float_as_uint((float)word + 0.5f);
    int exponent = (int)(bits - 0x3F3504F3u) >> 23;
    float mantissa = __uint_as_float(bits - ((u32)exponent << 23));  // in [sqrt(1/2), sqrt(2))
    // Near u = 1 from the complement: u - 1 = -(~word + 1/2) / 2**32 without cancellation.
    float z = exponent == 32 ? -((float)~word + 0.5f) * 0x1p-32f : mantissa - 1.0f;
    float p = 7.0376836292e-2f;
    p = p * z - 1.1514610310e-1f;
    p = p * z + 1.1676998740e-1f;
    p = p * z - 1.2420140846e-1f;
    p = p * z + 1.4249322787e-1f;
    p = p * z - 1.6668057665e-1f;
    p = p * z + 2.0000714765e-1f;
    p = p * z - 2.4999993993e-1f;
    p = p * z + 3.3333331174e-1f;
    float logarithm =
        (float)(exponent - 32) * 0.693147180559945309f + (p * z * z * z - 0.5f * z * z + z);
    return sqrtf(fmaxf(-2.0f * logarithm, 0.0f));
}

// Cosine and sine of the angle (quarter + fraction - 1/2) pi / 2.
__device__ inline void cos_sin(u32 word, float& cosine, float& sine) {
    u32 quarter = word >> 30;
    float t = ((float)(int)(word & 0x3FFFFFFFu) * 0x1p-30f - 0.5f) * 1.57079632679489662f;
    float t2 = t * t;
    float s =
        ((-1.9515295891e-4f * t2 + 8.3321608736e-3f) * t2 - 1.6666654611e-1f) * t2 * t + t;
    float c = (2.443315711809948e-5f * t2 - 1.388731625493765e-3f) * t2;
    c = (c + 4.166664568298827e-2f) * t2 * t2 - 0.5f * t2 + 1.0f;
    bool odd = quarter & 1u;
    cosine = odd ? s : c;
    sine = odd ? c : s;
    cosine = (quarter + 1u) & 2u ? -cosine : cosine;
    sine = quarter & 2u ? -sine : sine;
}

struct Normals {
    float z[4];
};

__device__ inline Normals normals_of(Words drawn) {
    Normals out;
    for (int pair = 0; pair < 4; pair += 2) {
        float length = radius(drawn.w[pair]);
        float cosine, sine;
        cos_sin(drawn.w[pair + 1], cosine, sine);
        out.z[pair] = length * cosine;
        out.z[pair + 1] = length * sine;
    }
    return out;
}

// Philox alone: for known-answer vectors.
extern "C" __global__ void philox_words(int count, const u32* counter, const u32* key, u32* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= count) return;
    const u32* c = counter + 4 * j;
    Words drawn = philox(c[0], c[1], c[2], c[3], key[2 * j], key[2 * j + 1]);
    for (int w = 0; w < 4; w++) out[4 * j + w] = drawn.w[w];
}

// out: (n, count)
extern "C" __global__ void normals(
    int count, const u32* lanes, u32 seed, u32 quantity, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, e = first_element(j);
    if (e >= count) return;
    Normals drawn = normals_of(block_of(lanes, i, j, seed, quantity));
    for (int w = 0; w < 4; w++, e += 16)
        if (e < count) out[(u64)i * count + e] = drawn.z[w];
}

// out: (n, count)
extern "C" __global__ void uniforms(
    int count, const u32* lanes, u32 seed, u32 quantity, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, e = first_element(j);
    if (e >= count) return;
    Words drawn = block_of(lanes, i, j, seed, quantity);
    for (int w = 0; w < 4; w++, e += 16)
        if (e < count) out[(u64)i * count + e] = ((float)(drawn.w[w] >> 9) + 0.5f) * 0x1p-23f;
}

// x (n, count): scale x + shift on the grid of ``steps`` steps a unit, clipped to +-1
extern "C" __global__ void to_grid(
    int count, const float* x, float scale, float shift, float steps, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= count) return;
    u64 at = (u64)blockIdx.y * count + j;
    float level = rintf((scale * x[at] + shift) * steps);
    out[at] = fminf(fmaxf(level, -steps), steps) / steps;
}

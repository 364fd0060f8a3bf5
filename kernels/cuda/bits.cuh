// Bits of many words counted: what the kernels that compare fingerprints share. Stands before their text.

// Whole words, bit by bit: whether an odd number of three is set, and whether two are. NVRTC makes two
// instructions of a majority that is written out.
#ifdef __CUDA_ARCH__
static __device__ unsigned odd(unsigned a, unsigned b, unsigned c) {
    unsigned d;
    asm("lop3.b32 %0, %1, %2, %3, 0x96;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}
static __device__ unsigned most(unsigned a, unsigned b, unsigned c) {
    unsigned d;
    asm("lop3.b32 %0, %1, %2, %3, 0xe8;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}
#else
static __device__ unsigned odd(unsigned a, unsigned b, unsigned c) { return a ^ b ^ c; }
static __device__ unsigned most(unsigned a, unsigned b, unsigned c) {
    return (a & b) | (c & (a ^ b));
}
#endif

// The bits of eight words: sums of three words at a time leave their ones, twos and fours.
static __device__ unsigned ones_of(const unsigned (&v)[8]) {
    const unsigned a = odd(v[0], v[1], v[2]), b = odd(v[3], v[4], v[5]);
    const unsigned p = most(v[0], v[1], v[2]), q = most(v[3], v[4], v[5]);
    const unsigned ones = odd(a, b, v[6]), r = most(a, b, v[6]);
    return __popc(ones) + __popc(v[7]) + 2 * __popc(odd(p, q, r)) + 4 * __popc(most(p, q, r));
}

static __device__ void unpack(unsigned (&words)[8], const uint4& low, const uint4& high) {
    words[0] = low.x, words[1] = low.y, words[2] = low.z, words[3] = low.w;
    words[4] = high.x, words[5] = high.y, words[6] = high.z, words[7] = high.w;
}

// The bits that eight words have in common with eight others.
static __device__ unsigned common_ones(const unsigned (&a)[8], const unsigned (&b)[8]) {
    unsigned both[8];
#pragma unroll
    for (unsigned w = 0; w < 8; w++) both[w] = a[w] & b[w];
    return ones_of(both);
}

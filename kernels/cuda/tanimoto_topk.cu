// tanimoto_topk: pairs of queries and library rows that may still be among the best.
//
// A pair's similarity is c / (a + b - c), c bits in common, a and b bits in each; 0 / 0 counts as 0.
// All here are integers: the same pairs leave as on the CPU. A pair leaves when it beats the floor of
// its list (c1 u2 > c2 u1; at a floor of rank `tie` also when it equals it), and what a list keeps in
// the end does not depend on the order in which pairs leave. `found[0].row` counts them, behind it they stand;
// what does not fit is counted only, and the host takes fewer rows at a time.

struct Floor {
    unsigned common, unions;  // the ratio to be beaten; 0/0 lets all pass
    unsigned tie;             // 1: equal is enough
    unsigned own;             // bits of the query itself
};

struct Found {
    unsigned row, query, common, unions;
};

static __device__ bool passes(const Floor& floor, unsigned common, unsigned unions) {
    const unsigned long long left = (unsigned long long)common * max(floor.unions, 1u);
    const unsigned long long right = (unsigned long long)floor.common * max(unions, 1u);
    return left > right || (floor.tie && left == right);
}

static __device__ void keep(Found* found, unsigned room, const Found& pair) {
    const unsigned at = atomicAdd(&found[0].row, 1u);
    if (at < room) found[at + 1] = pair;
}

// Few queries: a warp a row, whose bits it reads once, side by side; queries are in shared memory.
// `words` are those of a fingerprint, 32 bits each.
extern "C" __global__ void tanimoto_rows(const unsigned* __restrict__ rows, unsigned count_rows,
                                         const unsigned* __restrict__ queries,
                                         unsigned count_queries, unsigned words,
                                         const Floor* __restrict__ floors, Found* found,
                                         unsigned room) {
    extern __shared__ unsigned bits[];
    for (unsigned i = threadIdx.x; i < count_queries * words; i += blockDim.x) bits[i] = queries[i];
    __syncthreads();
    const unsigned lane = threadIdx.x % 32, warps = blockDim.x / 32;
    for (unsigned row = blockIdx.x * warps + threadIdx.x / 32; row < count_rows;
         row += gridDim.x * warps) {
        const unsigned* own_bits = rows + (unsigned long long)row * words;
        unsigned own = 0;
        for (unsigned w = lane; w < words; w += 32) own += __popc(own_bits[w]);
        own = __reduce_add_sync(0xffffffffu, own);
        for (unsigned q = 0; q < count_queries; q++) {
            unsigned common = 0;
            for (unsigned w = lane; w < words; w += 32)
                common += __popc(own_bits[w] & bits[q * words + w]);
            common = __reduce_add_sync(0xffffffffu, common);
            if (lane == 0) {
                const unsigned unions = own + floors[q].own - common;
                if (passes(floors[q], common, unions))
                    keep(found, room, {row, q, common, unions});
            }
        }
    }
}

// Many queries: 64 rows by 64 queries a block, 16 pairs a thread, words by way of shared memory, so
// that counting bits is the limit. Blocks: queries along x, rows along y (strided).
#define SIDE 64u
#define WORDS 32u
#define MINE 4u

extern "C" __global__ void __launch_bounds__(256)
    tanimoto_pairs(const unsigned* __restrict__ rows, unsigned count_rows,
                   const unsigned* __restrict__ queries, unsigned count_queries, unsigned words,
                   const Floor* __restrict__ floors, Found* found, unsigned room) {
    // One word of padding a line, so that 16 threads read 16 banks.
    __shared__ unsigned row_bits[SIDE][WORDS + 1];
    __shared__ unsigned query_bits[SIDE][WORDS + 1];
    const unsigned x = threadIdx.x % 16, y = threadIdx.x / 16;
    const unsigned first_query = blockIdx.x * SIDE;
    for (unsigned first_row = blockIdx.y * SIDE; first_row < count_rows;
         first_row += gridDim.y * SIDE) {
        unsigned common[MINE][MINE] = {}, own[MINE] = {};
        for (unsigned at = 0; at < words; at += WORDS) {
            for (unsigned i = threadIdx.x; i < SIDE * WORDS; i += 256) {
                const unsigned line = i / WORDS, w = i % WORDS;
                const unsigned r = first_row + line, q = first_query + line;
                const bool inside = at + w < words;
                row_bits[line][w] =
                    inside && r < count_rows ? rows[(unsigned long long)r * words + at + w] : 0;
                query_bits[line][w] =
                    inside && q < count_queries ? queries[(unsigned long long)q * words + at + w] : 0;
            }
            __syncthreads();
            for (unsigned w = 0; w < WORDS; w++) {
                unsigned r[MINE], q[MINE];
                for (unsigned i = 0; i < MINE; i++) {
                    r[i] = row_bits[y + 16 * i][w];
                    q[i] = query_bits[x + 16 * i][w];
                    own[i] += __popc(r[i]);
                }
                for (unsigned i = 0; i < MINE; i++)
                    for (unsigned j = 0; j < MINE; j++) common[i][j] += __popc(r[i] & q[j]);
            }
            __syncthreads();
        }
        for (unsigned i = 0; i < MINE; i++)
            for (unsigned j = 0; j < MINE; j++) {
                const unsigned r = first_row + y + 16 * i, q = first_query + x + 16 * j;
                if (r >= count_rows || q >= count_queries) continue;
                const unsigned unions = own[i] + floors[q].own - common[i][j];
                if (passes(floors[q], common[i][j], unions))
                    keep(found, room, {r, q, common[i][j], unions});
            }
    }
}

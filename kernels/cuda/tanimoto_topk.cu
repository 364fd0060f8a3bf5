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
// that counting bits is the limit: with the adder of eight words, 4 POPC and 16 LOP3 a pair, which take
// 32 clocks each for a warp's 32 pairs. That would be 1.9 x POPC's own peak (64 clocks) but for loads
// and tests. Blocks: queries along x, rows along y (strided).
#define SIDE 64u
#define THREADS 256u
#define WORDS 32u
#define MINE 4u

// 32 words of 64 fingerprints, as quads side by side: neighboring threads read neighboring banks.
typedef uint4 Quads[WORDS / 4][SIDE + 1];

static __device__ void put(Quads& quads, unsigned line, unsigned word, unsigned value) {
    reinterpret_cast<unsigned*>(&quads[word / 4][line])[word % 4] = value;
}

// Adds the common bits of rows y + 16 i and queries x + 16 j.
static __device__ void add_common(unsigned (&common)[MINE][MINE], const Quads& rows,
                                  const Quads& queries) {
    const unsigned x = threadIdx.x % 16, y = threadIdx.x / 16;
#pragma unroll 1
    for (unsigned at = 0; at < WORDS / 4; at += 2) {
        unsigned mine[MINE][8];
#pragma unroll
        for (unsigned i = 0; i < MINE; i++)
            unpack(mine[i], rows[at][y + 16 * i], rows[at + 1][y + 16 * i]);
#pragma unroll
        for (unsigned j = 0; j < MINE; j++) {
            unsigned other[8];
            unpack(other, queries[at][x + 16 * j], queries[at + 1][x + 16 * j]);
#pragma unroll
            for (unsigned i = 0; i < MINE; i++) common[i][j] += common_ones(mine[i], other);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    tanimoto_pairs(const unsigned* __restrict__ rows, unsigned count_rows,
                   const unsigned* __restrict__ queries, unsigned count_queries, unsigned words,
                   const Floor* __restrict__ floors, Found* found, unsigned room) {
    __shared__ Quads row_bits, query_bits;
    __shared__ unsigned own[SIDE];
    const unsigned x = threadIdx.x % 16, y = threadIdx.x / 16, lane = threadIdx.x % 32;
    const unsigned first_query = blockIdx.x * SIDE;
    for (unsigned first_row = blockIdx.y * SIDE; first_row < count_rows;
         first_row += gridDim.y * SIDE) {
        unsigned common[MINE][MINE] = {};
        for (unsigned at = 0; at < words; at += WORDS) {
            // A warp brings 32 words of a line, and counts the row's own bits meanwhile.
            for (unsigned line = threadIdx.x / 32; line < SIDE; line += THREADS / 32) {
                const unsigned r = first_row + line, q = first_query + line, word = at + lane;
                const bool has_row = word < words && r < count_rows;
                const bool has_query = word < words && q < count_queries;
                const unsigned value = has_row ? rows[(unsigned long long)r * words + word] : 0;
                put(row_bits, line, lane, value);
                put(query_bits, line, lane,
                    has_query ? queries[(unsigned long long)q * words + word] : 0);
                const unsigned ones = __reduce_add_sync(0xffffffffu, unsigned(__popc(value)));
                if (lane == 0) own[line] = at ? own[line] + ones : ones;
            }
            __syncthreads();
            add_common(common, row_bits, query_bits);
            __syncthreads();
        }
        for (unsigned i = 0; i < MINE; i++)
            for (unsigned j = 0; j < MINE; j++) {
                const unsigned line = y + 16 * i, r = first_row + line, q = first_query + x + 16 * j;
                if (r >= count_rows || q >= count_queries) continue;
                const unsigned unions = own[line] + floors[q].own - common[i][j];
                if (passes(floors[q], common[i][j], unions))
                    keep(found, room, {r, q, common[i][j], unions});
            }
        // Some still need the rows' own bits.
        __syncthreads();
    }
}

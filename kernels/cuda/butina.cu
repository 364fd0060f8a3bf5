// butina: which fingerprints are neighbors, counted for all rows and listed for a few.
//
// Rows of a + b bits that share c are neighbors when c >= need[a + b]: the host tabulates its test
// in double precision, so that all here are integers and the neighbors are those of the CPU.
//
// Work: n rows of w words are n^2 / 2 pairs, each looked at once for both rows. A count in full is
// w AND and w POPC (16 a clock and multiprocessor: for 1 M x 2048 bits 3.2e13, 8.7 s of an H100 at
// peak). So pairs are first counted on folds (16 words: the row's blocks of 64 bytes joined by OR),
// which bound c from above: c <= common bits of the folds + bits that one of the rows lost in its fold.
// Words go eight at a time through an adder of whole words, which makes 4 POPC of 8 at the price of 8
// LOP3: with the 8 AND, both pipes then take 32 clocks for a warp's 32 pairs, 64 for a fold, and about
// 85 with the test. That is 1.5 pairs a clock and multiprocessor, 3.5e11 a second of an H100 at best,
// 1.4 s for the 5e11 of a million rows; counts in full would take six times as long at POPC's peak.
// Pairs that pass, of chemical fingerprints below one in a hundred, are counted in full by a warp each.
// Were all to pass, that would be 512 bytes a pair out of the first cache, about 6 clocks, 13 s. (From
// machine code for sm_90 and the guide's table of throughputs; not measured.)
//
// Bytes: a block holds 64 folds (4 KiB) and reads 64 more for each 4096 pairs, 1 byte a pair, out of the
// second cache, in which the folds of some hundred thousand rows stay: memory is no limit.
//
// Lists: a launch serves some thousands of the next rows in line at once (the host says which), as one
// launch a cluster would leave the device idle. Rows are in the order of their bit counts, so that
// whole squares of pairs are out of reach and are left out.

#define SIDE 64u
#define THREADS 256u
#define MINE 4u    // of a thread: 4 x 4 pairs
#define QUADS 4u   // of a fold: 4 x 4 words

struct Row {
    unsigned own;   // bits of the row
    unsigned lost;  // bits that its fold has fewer
};

struct Rows {
    const unsigned* __restrict__ bits;
    const uint4* __restrict__ folds;
    const Row* __restrict__ rows;
    unsigned count;
};

// A fold for each row, and its bits: 16 threads a row.
extern "C" __global__ void __launch_bounds__(THREADS)
    butina_folds(const unsigned* __restrict__ bits, unsigned first, unsigned count, unsigned words,
                 unsigned* __restrict__ folds, Row* __restrict__ rows) {
    const unsigned word = threadIdx.x % 16;
    // All threads of a warp stay, for its sums.
    const unsigned here = blockIdx.x * (THREADS / 16) + threadIdx.x / 16;
    const unsigned long long row = first + min(here, count - 1);
    unsigned fold = 0, own = 0;
    for (unsigned w = word; w < words; w += 16) {
        const unsigned value = bits[row * words + w];
        fold |= value;
        own += __popc(value);
    }
    unsigned kept = __popc(fold);
    for (unsigned step = 8; step; step >>= 1) {
        own += __shfl_xor_sync(0xffffffffu, own, step, 16);
        kept += __shfl_xor_sync(0xffffffffu, kept, step, 16);
    }
    if (here >= count) return;
    folds[row * 16 + word] = fold;
    if (word == 0) rows[row] = {own, own - kept};
}

// Folds of 64 rows as quads side by side: neighboring threads read neighboring banks.
struct Side {
    uint4 quads[QUADS][SIDE + 1];
    Row rows[SIDE];
    unsigned count;
};

static __device__ void load(Side& side, const Rows& from, unsigned first) {
    const unsigned row = threadIdx.x / QUADS, quad = threadIdx.x % QUADS;
    const bool there = first + row < from.count;
    side.quads[quad][row] = there ? from.folds[(unsigned long long)(first + row) * QUADS + quad]
                                  : make_uint4(0, 0, 0, 0);
    if (quad == 0) side.rows[row] = there ? from.rows[first + row] : Row{0, 0};
    if (threadIdx.x == 0) side.count = min(SIDE, from.count - first);
}

// Common bits of the folds: of rows y + 16 i of `a` and x + 16 j of `b`.
static __device__ void common_of(unsigned (&common)[MINE][MINE], const Side& a, const Side& b) {
    const unsigned x = threadIdx.x % 16, y = threadIdx.x / 16;
// One half at a time: registers are what limits the threads under way.
#pragma unroll 1
    for (unsigned half = 0; half < QUADS; half += 2) {
        unsigned mine[MINE][8];
#pragma unroll
        for (unsigned i = 0; i < MINE; i++)
            unpack(mine[i], a.quads[half][y + 16 * i], a.quads[half + 1][y + 16 * i]);
#pragma unroll
        for (unsigned j = 0; j < MINE; j++) {
            unsigned other[8];
            unpack(other, b.quads[half][x + 16 * j], b.quads[half + 1][x + 16 * j]);
#pragma unroll
            for (unsigned i = 0; i < MINE; i++) common[i][j] += common_ones(mine[i], other);
        }
    }
}

// Whether rows so far apart in bits can be no neighbors: the ratio of the nearest two is the best.
static __device__ bool apart(const Rows& a, unsigned first_a, const Rows& b, unsigned first_b,
                             const unsigned* __restrict__ need) {
    const unsigned low_a = a.rows[first_a].own, low_b = b.rows[first_b].own;
    const unsigned high_a = a.rows[min(first_a + SIDE, a.count) - 1].own;
    const unsigned high_b = b.rows[min(first_b + SIDE, b.count) - 1].own;
    return (high_a < low_b && high_a < need[high_a + low_b]) ||
           (high_b < low_a && high_b < need[high_b + low_a]);
}

// Calls near(place in a, place in b) once for each pair of neighbors for which wanted(...) holds.
// Tiles of `a` along x, of `b` along y (strided). Both are in the order of bits.
template <class Wanted, class Near>
static __device__ void search(const Rows& a, const Rows& b, unsigned words,
                              const unsigned* __restrict__ need, unsigned fold_is_all,
                              Wanted wanted, Near near) {
    __shared__ Side side_a, side_b;
    __shared__ unsigned short maybe[SIDE * SIDE];
    __shared__ unsigned count;
    const unsigned first_a = blockIdx.x * SIDE, x = threadIdx.x % 16, y = threadIdx.x / 16;
    load(side_a, a, first_a);
    for (unsigned first_b = blockIdx.y * SIDE; first_b < b.count; first_b += gridDim.y * SIDE) {
        if (apart(a, first_a, b, first_b, need)) continue;
        // The last square's pairs are still being counted by some.
        __syncthreads();
        load(side_b, b, first_b);
        if (threadIdx.x == 0) count = 0;
        __syncthreads();
        unsigned common[MINE][MINE] = {};
        common_of(common, side_a, side_b);
#pragma unroll
        for (unsigned i = 0; i < MINE; i++)
#pragma unroll
            for (unsigned j = 0; j < MINE; j++) {
                const unsigned at = y + 16 * i, other = x + 16 * j;
                const Row &row_a = side_a.rows[at], &row_b = side_b.rows[other];
                const unsigned most = common[i][j] + min(row_a.lost, row_b.lost);
                if (most >= need[row_a.own + row_b.own] && at < side_a.count &&
                    other < side_b.count && wanted(first_a + at, first_b + other))
                    maybe[atomicAdd(&count, 1u)] = at * SIDE + other;
            }
        __syncthreads();
        if (fold_is_all) {
            for (unsigned k = threadIdx.x; k < count; k += THREADS)
                near(first_a + maybe[k] / SIDE, first_b + maybe[k] % SIDE);
            continue;
        }
        for (unsigned k = threadIdx.x / 32; k < count; k += THREADS / 32) {
            const unsigned at = maybe[k] / SIDE, other = maybe[k] % SIDE;
            const unsigned* bits_a = a.bits + (unsigned long long)(first_a + at) * words;
            const unsigned* bits_b = b.bits + (unsigned long long)(first_b + other) * words;
            unsigned both = 0;
            for (unsigned w = threadIdx.x % 32; w < words; w += 32)
                both += __popc(bits_a[w] & bits_b[w]);
            both = __reduce_add_sync(0xffffffffu, both);
            if (threadIdx.x % 32 == 0 &&
                both >= need[side_a.rows[at].own + side_b.rows[other].own])
                near(first_a + at, first_b + other);
        }
    }
}

static __device__ Rows rows_of(const unsigned* bits, const uint4* folds, const Row* rows,
                               unsigned first, unsigned count, unsigned words) {
    const unsigned long long from = first;
    return {bits + from * words, folds + from * QUADS, rows + from, count};
}

// Adds to each row's count its neighbors, a pair once. Both sides begin at row first_ of their buffers,
// which is at place_ among all rows; only pairs whose row in `b` comes later are counted.
extern "C" __global__ void __launch_bounds__(THREADS, 3)
    butina_counts(const unsigned* bits_a, const uint4* folds_a, const Row* rows_a, unsigned first_a,
                  unsigned count_a, unsigned place_a, const unsigned* bits_b, const uint4* folds_b,
                  const Row* rows_b, unsigned first_b, unsigned count_b, unsigned place_b,
                  unsigned words, const unsigned* __restrict__ need, unsigned fold_is_all,
                  unsigned* counts) {
    search(
        rows_of(bits_a, folds_a, rows_a, first_a, count_a, words),
        rows_of(bits_b, folds_b, rows_b, first_b, count_b, words), words, need, fold_is_all,
        [&](unsigned at, unsigned other) { return place_b + other > place_a + at; },
        [&](unsigned at, unsigned other) {
            atomicAdd(&counts[place_a + at], 1u);
            atomicAdd(&counts[place_b + other], 1u);
        });
}

// Lists the neighbors in `b` of all rows of `a`, as places behind first_a and first_b. found[0].x counts
// pairs, which stand behind it; what does not fit is counted only.
extern "C" __global__ void __launch_bounds__(THREADS, 3)
    butina_lists(const unsigned* bits_a, const uint4* folds_a, const Row* rows_a, unsigned first_a,
                 unsigned count_a, const unsigned* bits_b, const uint4* folds_b,
                 const Row* rows_b, unsigned first_b, unsigned count_b, unsigned words,
                 const unsigned* __restrict__ need, unsigned fold_is_all, uint2* found,
                 unsigned room) {
    search(
        rows_of(bits_a, folds_a, rows_a, first_a, count_a, words),
        rows_of(bits_b, folds_b, rows_b, first_b, count_b, words), words, need, fold_is_all,
        [](unsigned, unsigned) { return true; },
        [&](unsigned at, unsigned other) {
            const unsigned number = atomicAdd(&found[0].x, 1u);
            if (number < room) found[number + 1] = make_uint2(at, other);
        });
}

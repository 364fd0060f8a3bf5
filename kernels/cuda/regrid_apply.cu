// regrid_apply: y(d) = sum w(d,s) x(s) / sum w(d,s) over the sources that are not missing (NaN).
//
// Weights are compressed rows by target; fields are [time, source]. The sums of a target at a time run in
// the order of its sources in double precision, each product and sum rounded by itself, so that the bits
// are those of the CPU: a target's links cannot be shared out among threads, only targets and times can.
//
// Short rows (bilinear has 4 links, conservative to cells of like size a few): a thread does one target
// for TIMES fields, so that each weight is read once for all of them. Neighboring threads do
// neighboring targets, whose sources are neighbors too: what one of their loads leaves of a
// sector another soon takes from the first cache, and a field is read from memory once.
//
// Long rows (to much coarser cells, hundreds of links): neighboring targets' sources are far apart, and
// each load of a warp would touch 32 sectors. So a block does one target after the other for TALL
// times. Its warps read LINKS sources of a time side by side (conservative links come in runs of
// neighbors, along the latitude) into shared memory, where each thread then takes one time through
// these links in order; weights are read once a block. The means of GROUP targets are written together.
//
// Limits: a value is 4 or 8 bytes once from memory, and a DMUL, two DADD and a conversion for each of
// its links, of which conversions (16 a clock and multiprocessor) come first: 3.6e12 links/s of an
// H100. At 2.4 links a value, as from 128 x 64 to 72 x 36, that is 1.5e12 values/s, 6 TB/s of float32:
// memory (3.35 TB/s) is the limit there, arithmetic on GPUs with few double-precision units.

#define TIMES 8u
#define TALL 128u
#define LINKS 32u
#define GROUP 4u

struct Weights {
    const unsigned* __restrict__ starts;
    const unsigned* __restrict__ links;
    const double* __restrict__ weights;
    double min_valid, no_weight, rounding;
};

struct Mean {
    double sum, known;

    __device__ void add(double weight, double value) {
        const bool missing = value != value;
        sum += missing ? 0.0 : weight * value;
        known += missing ? 0.0 : weight;
    }

    __device__ double of(const Weights& by) const {
        const bool enough = known > by.no_weight && known + by.rounding >= by.min_valid;
        return enough ? sum / known : __longlong_as_double(0x7ff8000000000000LL);
    }
};

// Targets along x, tiles of times along y.
template <class T>
static __device__ void apply_short(const T* __restrict__ field, T* __restrict__ out,
                                   unsigned rows, unsigned sources, unsigned targets,
                                   const Weights& by) {
    const unsigned target = blockIdx.x * blockDim.x + threadIdx.x;
    if (target >= targets) return;
    const unsigned begin = by.starts[target], end = by.starts[target + 1];
    for (unsigned first = blockIdx.y * TIMES; first < rows; first += gridDim.y * TIMES) {
        Mean means[TIMES] = {};
        const unsigned count = min(TIMES, rows - first);
        for (unsigned at = begin; at < end; at++) {
            const double weight = by.weights[at];
            const T* from = field + (unsigned long long)first * sources + by.links[at];
#pragma unroll
            for (unsigned t = 0; t < TIMES; t++)
                if (t < count) means[t].add(weight, from[(unsigned long long)t * sources]);
        }
#pragma unroll
        for (unsigned t = 0; t < TIMES; t++)
            if (t < count)
                out[(unsigned long long)(first + t) * targets + target] = T(means[t].of(by));
    }
}

// A target's mean at the time first + threadIdx.x, for the first `count` threads of a block of TALL.
template <class T>
static __device__ double mean_along(const T* __restrict__ field, unsigned first, unsigned count,
                                    unsigned sources, unsigned target, const Weights& by) {
    // A column of padding: threads of a warp read 32 banks.
    __shared__ T values[TALL][LINKS + 1];
    __shared__ double weights[LINKS];
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned end = by.starts[target + 1];
    Mean mean = {};
    for (unsigned at = by.starts[target]; at < end; at += LINKS) {
        const unsigned here = min(LINKS, end - at);
        // Some still add what was there.
        __syncthreads();
        if (lane < here) {
            const T* from = field + by.links[at + lane];
            if (warp == 0) weights[lane] = by.weights[at + lane];
#pragma unroll 8
            for (unsigned t = warp; t < count; t += TALL / 32)
                values[t][lane] = from[(unsigned long long)(first + t) * sources];
        }
        __syncthreads();
        if (threadIdx.x < count)
            for (unsigned link = 0; link < here; link++)
                mean.add(weights[link], values[threadIdx.x][link]);
    }
    return mean.of(by);
}

// GROUP targets a block along x, tiles of TALL times along y.
template <class T>
static __device__ void apply_long(const T* __restrict__ field, T* __restrict__ out, unsigned rows,
                                  unsigned sources, unsigned targets, const Weights& by) {
    __shared__ T means[TALL][GROUP + 1];
    const unsigned target = blockIdx.x * GROUP, across = min(GROUP, targets - target);
    for (unsigned first = blockIdx.y * TALL; first < rows; first += gridDim.y * TALL) {
        const unsigned count = min(TALL, rows - first);
        for (unsigned g = 0; g < across; g++) {
            const double mean = mean_along(field, first, count, sources, target + g, by);
            if (threadIdx.x < count) means[threadIdx.x][g] = T(mean);
        }
        __syncthreads();
        for (unsigned i = threadIdx.x; i < count * across; i += TALL)
            out[(unsigned long long)(first + i / across) * targets + target + i % across] =
                means[i / across][i % across];
        __syncthreads();
    }
}

#define REGRID(name, T)                                                                           \
    extern "C" __global__ void __launch_bounds__(256) regrid_short_##name(                        \
        const T* __restrict__ field, T* __restrict__ out, unsigned rows, unsigned sources,        \
        unsigned targets, const unsigned* __restrict__ starts,                                    \
        const unsigned* __restrict__ links, const double* __restrict__ weights, double min_valid, \
        double no_weight, double rounding) {                                                      \
        apply_short(field, out, rows, sources, targets,                                           \
                    {starts, links, weights, min_valid, no_weight, rounding});                    \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(TALL) regrid_long_##name(                        \
        const T* __restrict__ field, T* __restrict__ out, unsigned rows, unsigned sources,        \
        unsigned targets, const unsigned* __restrict__ starts,                                    \
        const unsigned* __restrict__ links, const double* __restrict__ weights, double min_valid, \
        double no_weight, double rounding) {                                                      \
        apply_long(field, out, rows, sources, targets,                                            \
                   {starts, links, weights, min_valid, no_weight, rounding});                     \
    }
REGRID(single, float)
REGRID(double, double)

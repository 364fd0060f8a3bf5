// regrid_apply: y(d) = sum w(d,s) x(s) / sum w(d,s) over the sources that are not missing (NaN).
//
// Weights are compressed rows by target. A thread does one target for TIMES fields, so that each
// weight is read once for all of them; neighbouring threads do neighbouring targets, whose sources
// are neighbours too. Sums run in the order of sources in double precision, each product and sum
// rounded by itself: the bits are those of the CPU. Targets along x, tiles of times along y.

#define TIMES 8u

template <class T>
static __device__ void apply(const T* __restrict__ field, T* __restrict__ out, unsigned rows,
                             unsigned sources, unsigned targets,
                             const unsigned* __restrict__ starts,
                             const unsigned* __restrict__ links,
                             const double* __restrict__ weights, double min_valid,
                             double no_weight, double rounding) {
    const unsigned target = blockIdx.x * blockDim.x + threadIdx.x;
    if (target >= targets) return;
    const unsigned begin = starts[target], end = starts[target + 1];
    for (unsigned first = blockIdx.y * TIMES; first < rows; first += gridDim.y * TIMES) {
        double sum[TIMES] = {}, known[TIMES] = {};
        const unsigned count = min(TIMES, rows - first);
        for (unsigned at = begin; at < end; at++) {
            const double weight = weights[at];
            const T* from = field + (unsigned long long)first * sources + links[at];
#pragma unroll
            for (unsigned t = 0; t < TIMES; t++) {
                if (t >= count) continue;
                const double value = from[(unsigned long long)t * sources];
                const bool missing = value != value;
                sum[t] += missing ? 0.0 : weight * value;
                known[t] += missing ? 0.0 : weight;
            }
        }
#pragma unroll
        for (unsigned t = 0; t < TIMES; t++) {
            if (t >= count) continue;
            const bool enough = known[t] > no_weight && known[t] + rounding >= min_valid;
            const double nan = __longlong_as_double(0x7ff8000000000000LL);
            out[(unsigned long long)(first + t) * targets + target] =
                T(enough ? sum[t] / known[t] : nan);
        }
    }
}

extern "C" __global__ void __launch_bounds__(256)
    regrid_single(const float* __restrict__ field, float* __restrict__ out, unsigned rows,
                  unsigned sources, unsigned targets, const unsigned* __restrict__ starts,
                  const unsigned* __restrict__ links, const double* __restrict__ weights,
                  double min_valid, double no_weight, double rounding) {
    apply(field, out, rows, sources, targets, starts, links, weights, min_valid, no_weight, rounding);
}

extern "C" __global__ void __launch_bounds__(256)
    regrid_double(const double* __restrict__ field, double* __restrict__ out, unsigned rows,
                  unsigned sources, unsigned targets, const unsigned* __restrict__ starts,
                  const unsigned* __restrict__ links, const double* __restrict__ weights,
                  double min_valid, double no_weight, double rounding) {
    apply(field, out, rows, sources, targets, starts, links, weights, min_valid, no_weight, rounding);
}

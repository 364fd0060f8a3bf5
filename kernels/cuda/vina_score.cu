// vina_score: the five terms of AutoDock Vina's function for many poses of one ligand in one receptor.
//
// A warp a pose. Space around the receptor is cut into cells, each with the list of receptor atoms that
// any point of it can reach (made on the host, once a task). Each lane looks up the cell of one ligand
// atom and leaves what it found in shared memory; then the warp takes ligand atom by ligand atom, 32
// receptor atoms of its list at a time, side by side: every load is 512 bytes in a row, all that belongs
// to the ligand atom is the same for the whole warp, and nothing depends on other poses, so that any
// tiling gives the same bits. The lists stand in for receptor tiles in shared memory: a pocket's lists
// (600 cells of 27 A^3, some 175 atoms of 16 bytes, 2 MB) live in the L2 cache, and a whole kinase's are
// 6 MB; tiles would bring 2200 atoms to each ligand atom, of which 80 count.
//
// Costs of a pose of imatinib (37 heavy atoms of 41) in its kinase, counted: 6500 pairs are looked at in
// 220 rounds of the warp, 3000 of them inside the cutoff; 20 instructions a round and 35 more where any is
// inside, three of them of the special function units (reciprocal root, two exponentials): 12 000 issued a
// pose, with 700 for checks and sums. In: 492 bytes, out: 64. An H100's 528 schedulers at 1.75 GHz could
// do 70 M poses a second at most; ten million, the goal, are 1 TB/s of lists from the caches and 6 GB/s
// over the host link. A pose needs some 150 000 floating-point operations, so that the goal's 15 % of the
// peak (67 TFLOP/s) would be 65 M poses a second: not to be expected, for half of the pairs only tell that
// they are too far apart. 48 registers leave room for 40 warps an SM. Double precision, which is slow on
// many GPUs, is met once an atom, not once a pair.
//
// Accuracy: places are relative to their cell's center, so that float32 keeps them to 5e-7 A. Whether a pair
// is inside the cutoff decides on up to 0.7 of `gauss2`, so that what float32 leaves unsure (a pair or so in
// a hundred poses) is decided in double precision, as on the CPU. Lanes add in float32, the warp in double.

#define WARPS 8u
#define ALL 0xffffffffu
#define HYDROPHOBIC 1u
#define BONDS 6u  // donor 2, acceptor 4
#define HEAVY 8u
#define FLAGS 7u

// A ligand atom: where it was given, and which flags of a receptor atom concern it.
struct Own {
    double x, y, z;
    float radius;
    unsigned wants;
};

struct Space {
    double origin[3], counts[3];  // the cells' lowest corner; cells by axis
    double edge;   // of a cell, A
    double least;  // squared span below which the host looks at a pose itself, A^2
};

// A ligand atom of the pose: relative to its cell's center, and its cell's list.
struct __align__(16) Placed {
    float x, y, z, radius;
    unsigned begin, end, wants, unused;
};

struct Sum {
    __device__ double operator()(double a, double b) const { return a + b; }
};
struct Least {
    __device__ double operator()(double a, double b) const { return min(a, b); }
};

// Eight numbers of each lane joined over the warp: lane l has the (l / 4)th. Halves change places, so that
// this takes 9 exchanges rather than 40.
template <class Join> static __device__ double joined(double (&v)[8], unsigned lane, Join join) {
#pragma unroll
    for (unsigned half = 4; half; half /= 2) {
        const bool upper = lane & (half * 4);
#pragma unroll
        for (unsigned i = 0; i < half; i++) {
            const double own = upper ? v[i + half] : v[i], other = upper ? v[i] : v[i + half];
            v[i] = join(own, __shfl_xor_sync(ALL, other, half * 4));
        }
    }
    v[0] = join(v[0], __shfl_xor_sync(ALL, v[0], 2));
    return join(v[0], __shfl_xor_sync(ALL, v[0], 1));
}

static __device__ float unit(float x) { return min(max(x, 0.0f), 1.0f); }

// The CPU's test: each product and sum rounded by itself.
static __device__ bool inside(const double* atom, double x, double y, double z, double cutoff) {
    x = atom[0] - x, y = atom[1] - y, z = atom[2] - z;
    const double square =
        __dadd_rn(__dadd_rn(__dmul_rn(x, x), __dmul_rn(y, y)), __dmul_rn(z, z));
    return square < cutoff;
}

template <class T>
static __device__ Placed placed(const T* at, const Own& own, const Space& space,
                                const unsigned* __restrict__ starts) {
    Placed atom = {0.0f, 0.0f, 0.0f, own.radius, 0, 0, own.wants, 0};
    if (!(own.wants & HEAVY)) return atom;
    double rest[3];
    unsigned cell = 0;
    for (unsigned axis = 0; axis < 3; axis++) {
        const double way = at[axis] - space.origin[axis];
        const double step = floor(way / space.edge);
        // Nothing is near; so it is for what is no number.
        if (!(step >= 0.0 && step < space.counts[axis])) return atom;
        cell = cell * unsigned(space.counts[axis]) + unsigned(step);
        rest[axis] = way - (step + 0.5) * space.edge;
    }
    atom.x = float(rest[0]), atom.y = float(rest[1]), atom.z = float(rest[2]);
    atom.begin = starts[cell], atom.end = starts[cell + 1];
    return atom;
}

// Whether the host must look at a pose: it is shrunk, or a coordinate is no number. Adds to `way` the
// squared ways of this lane's heavy atoms from the ligand as given.
template <class T>
static __device__ bool odd(const T* xyz, unsigned atoms, const Own* __restrict__ ligand, unsigned lane,
                           double least, double& way) {
    const double infinity = __longlong_as_double(0x7ff0000000000000LL);
    // Lowest x, y, z; -1 where something is no number; highest x, y, z with the other sign.
    double box[8] = {infinity, infinity, infinity, 0.0, infinity, infinity, infinity, 0.0};
    for (unsigned i = lane; i < atoms; i += 32) {
        const Own own = ligand[i];
        const double x = xyz[3 * i], y = xyz[3 * i + 1], z = xyz[3 * i + 2];
        box[0] = min(box[0], x), box[1] = min(box[1], y), box[2] = min(box[2], z);
        box[4] = min(box[4], -x), box[5] = min(box[5], -y), box[6] = min(box[6], -z);
        if (!(fabs(x) < infinity && fabs(y) < infinity && fabs(z) < infinity)) box[3] = -1.0;
        const double dx = x - own.x, dy = y - own.y, dz = z - own.z;
        if (own.wants & HEAVY) way += dx * dx + dy * dy + dz * dz;
    }
    const double low = joined(box, lane, Least());
    const double side = low + __shfl_xor_sync(ALL, low, 16);
    double square = lane / 4 % 4 < 3 ? side * side : side < 0.0 ? -infinity : 0.0;
    square += __shfl_xor_sync(ALL, square, 4);
    square += __shfl_xor_sync(ALL, square, 8);
    return !(square >= least);
}

// `near` has x, y, z and, in one word, radius and flags; `which` receptor atom each is. `cutoff` is its
// square, A^2, and `near_cutoff` what float32 makes of it.
// `out`: 8 a pose, the five terms, the sum of squared ways of heavy atoms, 1 where the host must look.
template <class T>
static __device__ void score(const T* __restrict__ poses, unsigned count, unsigned atoms,
                             const Own* __restrict__ ligand, const Space* __restrict__ around,
                             const unsigned* __restrict__ starts, const float4* __restrict__ near,
                             const unsigned* __restrict__ which,
                             const double* __restrict__ receptor, double cutoff, float near_cutoff,
                             float unsure, double* __restrict__ out) {
    __shared__ Placed shared[WARPS][32];
    const unsigned lane = threadIdx.x % 32;
    Placed* mine = shared[threadIdx.x / 32];
    for (unsigned pose = blockIdx.x * WARPS + threadIdx.x / 32; pose < count;
         pose += gridDim.x * WARPS) {
        const T* xyz = poses + (unsigned long long)pose * 3 * atoms;
        double way = 0.0;
        const double look = odd(xyz, atoms, ligand, lane, around->least, way) ? 1.0 : 0.0;
        float sums[5] = {};
        for (unsigned first = 0; first < atoms; first += 32) {
            if (first + lane < atoms)
                mine[lane] =
                    placed(xyz + 3 * (first + lane), ligand[first + lane], *around, starts);
            __syncwarp();
            const unsigned here = min(32u, atoms - first);
            for (unsigned i = 0; i < here; i++) {
                const Placed own = mine[i];
                float4 next = own.begin + lane < own.end ? near[own.begin + lane] : float4{};
                for (unsigned j = own.begin + lane; j < own.end; j += 32) {
                    // The next atom is on its way while this one is looked at.
                    const float4 other = next;
                    if (j + 32 < own.end) next = near[j + 32];
                    const float dx = other.x - own.x, dy = other.y - own.y, dz = other.z - own.z;
                    const float square = dx * dx + dy * dy + dz * dz;
                    const float beyond = square - near_cutoff;
                    bool counts = beyond < 0.0f;
                    if (fabsf(beyond) < unsure) {
                        const T* at = xyz + 3 * (first + i);
                        counts = inside(receptor + 3ull * which[j], at[0], at[1], at[2],
                                        cutoff);
                    }
                    if (!counts) continue;
                    const unsigned kind = __float_as_uint(other.w);
                    const float distance = square * rsqrtf(max(square, 1e-30f));
                    const float surface =
                        distance - (own.radius + __uint_as_float(kind & ~FLAGS));
                    const float narrow = surface * 2.0f, wide = (surface - 3.0f) * 0.5f;
                    const float overlap = min(surface, 0.0f);
                    sums[0] += __expf(-(narrow * narrow));
                    sums[1] += __expf(-(wide * wide));
                    sums[2] += overlap * overlap;
                    if (kind & own.wants & HYDROPHOBIC) sums[3] += unit(1.5f - surface);
                    if (kind & own.wants & BONDS) sums[4] += unit(surface * (-1.0f / 0.7f));
                }
            }
            __syncwarp();
        }
        double all[8] = {sums[0], sums[1], sums[2], sums[3], sums[4], way, lane ? 0.0 : look, 0.0};
        const double sum = joined(all, lane, Sum());
        if (lane % 4 == 0) out[8ull * pose + lane / 4] = sum;
    }
}

extern "C" __global__ void __launch_bounds__(256)
    vina_single(const float* __restrict__ poses, unsigned count, unsigned atoms,
                const Own* __restrict__ ligand, const Space* __restrict__ around,
                const unsigned* __restrict__ starts, const float4* __restrict__ near,
                const unsigned* __restrict__ which, const double* __restrict__ receptor,
                double cutoff, float near_cutoff, float unsure, double* __restrict__ out) {
    score(poses, count, atoms, ligand, around, starts, near, which, receptor, cutoff, near_cutoff,
          unsure, out);
}

extern "C" __global__ void __launch_bounds__(256)
    vina_double(const double* __restrict__ poses, unsigned count, unsigned atoms,
                const Own* __restrict__ ligand, const Space* __restrict__ around,
                const unsigned* __restrict__ starts, const float4* __restrict__ near,
                const unsigned* __restrict__ which, const double* __restrict__ receptor,
                double cutoff, float near_cutoff, float unsure, double* __restrict__ out) {
    score(poses, count, atoms, ligand, around, starts, near, which, receptor, cutoff, near_cutoff,
          unsure, out);
}

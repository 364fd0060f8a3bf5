// gaussian_shape: molecules laid over references by climbing (BFGS on rotations and shifts) from several
// starting poses, as the CPU does it; then the volume of the best pose, exactly.
//
// Eight lanes a climb, hence four climbs a warp: with the usual four starts a warp a pair. The lanes share
// the reference's atoms, each turned into the fit's own frame, where the fit's atoms lie still and every
// lane of a group reads the same 16 bytes of them: no barriers, nothing placed in advance. Seven sums over
// eight lanes (21 exchanges) end an evaluation; the quasi-Newton step (6 x 6, symmetric, 21 numbers) is
// made by all lanes of a group alike, in registers. A whole warp a climb would do that part 32 times over
// and leave lanes idle (25 atoms), a thread a climb would leave a GPU idle at a few thousand pairs, and a
// molecule of 4096 atoms would hold up its warp 8 times as long. The four climbs of a warp go in step and
// take as long as the longest.
//
// Costs: molecules of 25 atoms, four starts, about 15 evaluations a climb. An evaluation is 4 rounds of 25
// pairs a lane, 31 instructions each (a reciprocal root and a power among them): 3100 issued for four
// climbs, and some 700 for sums and step; 15 x 3800 = 57 000 a pair. An H100's 528 schedulers at 1.75 GHz
// could do 16 M pairs a second; the goal is 0.3 M. Bytes: 0.9 kB to the device a molecule, 64 back a pair;
// all else stays in the caches. The exact volume is 625 exponentials in double precision a pair, a few
// percent of the whole where that runs at half speed.
//
// Climbs are in single precision throughout: it tells gains of 3e-6 of the volume, at which they end.
// Nothing depends on other pairs, so that any tiling gives the same bits.

#define ALL 0xffffffffu
#define GROUP 8u
#define TURNS 9u  // numbers of a matrix

#define GAIN 3e-6f      // a smaller gain, by the volume, ends a climb
#define PROMISE 1e-4f   // share of the slope's promise that a step must keep (Armijo)
#define LONGEST 1.2f    // longest step, A
#define FIRST 0.4f      // the first step, A
#define SHORTENINGS 8u  // how often a step is shortened before the climb ends
#define HEIGHT2 40.5931110969f  // p^2 pi^(3/2), p = 2.7
#define LOG2E 1.44269504089f

// A molecule: its center, its principal axes as columns, row by row, and where its atoms are.
struct Head {
    double center[3], axes[9], begin, end;
    double arm;  // what a turn is measured by, A
    double unused;
};

// An atom: where it is from its molecule's center, A; exponent of its Gaussian, 1/A^2.
struct __align__(16) Exact {
    double x, y, z, a;
};

struct Pose {
    float w, x, y, z, tx, ty, tz;
};

// What a climb found; volume first.
struct Found {
    float volume;
    Pose pose;
};

struct Spot {
    Pose pose;
    float volume, slope[6];
};

// Places and exponents in single precision.
extern "C" __global__ void shape_narrow(const Exact* __restrict__ exact, float4* __restrict__ atoms,
                                        unsigned count) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const Exact atom = exact[i];
    atoms[i] = make_float4(float(atom.x), float(atom.y), float(atom.z), float(atom.a));
}

static __device__ float total(float x) {
    for (unsigned step = GROUP / 2; step; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

// A quaternion's matrix, row by row.
static __device__ void matrix(const Pose& q, float (&r)[9]) {
    r[0] = 1.0f - 2.0f * (q.y * q.y + q.z * q.z), r[1] = 2.0f * (q.x * q.y - q.w * q.z);
    r[2] = 2.0f * (q.x * q.z + q.w * q.y), r[3] = 2.0f * (q.x * q.y + q.w * q.z);
    r[4] = 1.0f - 2.0f * (q.x * q.x + q.z * q.z), r[5] = 2.0f * (q.y * q.z - q.w * q.x);
    r[6] = 2.0f * (q.x * q.z - q.w * q.y), r[7] = 2.0f * (q.y * q.z + q.w * q.x);
    r[8] = 1.0f - 2.0f * (q.x * q.x + q.y * q.y);
}

// V and its slope at a pose: along a shift, then along a turn about the fit's center in units of `arm`.
static __device__ void evaluate(Spot& spot, const float4* __restrict__ reference, unsigned references,
                                const float4* __restrict__ fit, unsigned fits, float arm) {
    float r[9];
    matrix(spot.pose, r);
    float volume = 0.0f, force[3] = {}, torque[3] = {};
    for (unsigned j = threadIdx.x % GROUP; j < references; j += GROUP) {
        const float4 atom = reference[j];
        const float ax = atom.x - spot.pose.tx, ay = atom.y - spot.pose.ty, az = atom.z - spot.pose.tz;
        const float x = r[0] * ax + r[3] * ay + r[6] * az;
        const float y = r[1] * ax + r[4] * ay + r[7] * az;
        const float z = r[2] * ax + r[5] * ay + r[8] * az;
        float weight = 0.0f, sx = 0.0f, sy = 0.0f, sz = 0.0f;
#pragma unroll 4
        for (unsigned i = 0; i < fits; i++) {
            const float4 own = fit[i];
            const float dx = x - own.x, dy = y - own.y, dz = z - own.z;
            const float root = rsqrtf(atom.w + own.w);
            const float square = root * root;
            const float decay = atom.w * own.w * square;
            const float part =
                square * root * exp2f(-LOG2E * decay * (dx * dx + dy * dy + dz * dz));
            const float pull = decay * part;
            volume += part;
            weight += pull;
            sx += pull * own.x, sy += pull * own.y, sz += pull * own.z;
        }
        force[0] += weight * x - sx, force[1] += weight * y - sy, force[2] += weight * z - sz;
        torque[0] += sy * z - sz * y, torque[1] += sz * x - sx * z, torque[2] += sx * y - sy * x;
    }
    spot.volume = HEIGHT2 * total(volume);
    for (unsigned i = 0; i < 3; i++) force[i] = 2.0f * HEIGHT2 * total(force[i]);
    for (unsigned i = 0; i < 3; i++) torque[i] = 2.0f * HEIGHT2 / arm * total(torque[i]);
    // Back to the reference's frame.
    for (unsigned i = 0; i < 3; i++) {
        spot.slope[i] = r[3 * i] * force[0] + r[3 * i + 1] * force[1] + r[3 * i + 2] * force[2];
        spot.slope[3 + i] =
            r[3 * i] * torque[0] + r[3 * i + 1] * torque[1] + r[3 * i + 2] * torque[2];
    }
}

static __device__ float dot(const float (&a)[6], const float (&b)[6]) {
    float sum = 0.0f;
#pragma unroll
    for (unsigned i = 0; i < 6; i++) sum += a[i] * b[i];
    return sum;
}

// Where the number of row i and column j is, of a symmetric matrix.
static __device__ constexpr unsigned place(unsigned i, unsigned j) {
    return i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
}

struct Curve {
    float at[21];
    bool known;

    __device__ void identity(float scale) {
#pragma unroll
        for (unsigned i = 0; i < 6; i++)
#pragma unroll
            for (unsigned j = 0; j <= i; j++) at[place(i, j)] = i == j ? scale : 0.0f;
        known = true;
    }

    __device__ void times(const float (&v)[6], float (&out)[6]) const {
#pragma unroll
        for (unsigned i = 0; i < 6; i++) {
            out[i] = 0.0f;
#pragma unroll
            for (unsigned j = 0; j < 6; j++) out[i] += at[place(i, j)] * v[j];
        }
    }

    // The inverse curvature after a step that changed the slope by -fall (BFGS; Nocedal & Wright 2006,
    // eq. 6.17, multiplied out). A step that shows no downward curvature changes nothing.
    __device__ void bend(const float (&step)[6], const float (&fall)[6]) {
        const float along = dot(step, fall), falls = dot(fall, fall), steps = dot(step, step);
        const bool flat = along <= 1e-10f * sqrtf(steps) * sqrtf(falls);
        if (!known) identity(flat ? sqrtf(steps) / max(sqrtf(falls), 1e-30f) : along / falls);
        if (flat) return;
        float bent[6];
        times(fall, bent);
        const float by = 1.0f / along, own = by + dot(fall, bent) * by * by;
#pragma unroll
        for (unsigned i = 0; i < 6; i++)
#pragma unroll
            for (unsigned j = 0; j <= i; j++)
                at[place(i, j)] +=
                    own * step[i] * step[j] - by * (step[i] * bent[j] + bent[i] * step[j]);
    }
};

// A pose after a step: the fit shifted, and turned about its center.
static __device__ Pose moved(const Pose& p, const float (&step)[6], float arm) {
    const float by = 0.5f / arm, x = step[3] * by, y = step[4] * by, z = step[5] * by;
    Pose q = {p.w - x * p.x - y * p.y - z * p.z,
              p.x + x * p.w + y * p.z - z * p.y,
              p.y + y * p.w + z * p.x - x * p.z,
              p.z + z * p.w + x * p.y - y * p.x,
              p.tx + step[0],
              p.ty + step[1],
              p.tz + step[2]};
    const float norm = 1.0f / sqrtf(q.w * q.w + q.x * q.x + q.y * q.y + q.z * q.z);
    q.w *= norm, q.x *= norm, q.y *= norm, q.z *= norm;
    return q;
}

// The quaternion of a rotation, from its largest part.
static __device__ Pose turned(const double (&r)[9]) {
    const double four[4] = {1.0 + r[0] + r[4] + r[8], 1.0 + r[0] - r[4] - r[8],
                            1.0 - r[0] + r[4] - r[8], 1.0 - r[0] - r[4] + r[8]};
    const double a = r[7] - r[5], b = r[2] - r[6], c = r[3] - r[1];
    const double d = r[3] + r[1], e = r[2] + r[6], f = r[7] + r[5];
    double w, x, y, z;
    if (four[0] >= 1.0)
        w = four[0], x = a, y = b, z = c;
    else if (four[1] >= four[2] && four[1] >= four[3])
        w = a, x = four[1], y = d, z = e;
    else if (four[2] >= four[3])
        w = b, x = d, y = four[2], z = f;
    else
        w = c, x = e, y = f, z = four[3];
    const double norm = 1.0 / sqrt(w * w + x * x + y * y + z * z);
    return {float(w * norm), float(x * norm), float(y * norm), float(z * norm), 0.0f, 0.0f, 0.0f};
}

static __device__ void product(const double* a, const double* b, bool transposed, double (&out)[9]) {
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 3; j++) {
            double sum = 0.0;
            for (unsigned k = 0; k < 3; k++)
                sum += a[3 * i + k] * (transposed ? b[3 * j + k] : b[3 * k + j]);
            out[3 * i + j] = sum;
        }
}

// A climb on its way; the same in all lanes of its group.
struct Climb {
    Spot here, next;
    Curve curve;
    float step[6], promised, arm;
    unsigned used, most, tries;
    bool running, begun;

    __device__ void start(const Pose& pose, unsigned steps) {
        next.pose = pose;
        curve.known = false;
        used = tries = 0;
        most = steps;
        begun = false;
    }

    // Takes over what `next` turned out to be; says whether a new direction is due.
    __device__ bool arrived() {
        if (!begun) {
            begun = true;
            here = next;
            return true;
        }
        const float gained = next.volume - here.volume;
        if (gained >= PROMISE * promised) {
            float fall[6];
#pragma unroll
            for (unsigned i = 0; i < 6; i++) fall[i] = here.slope[i] - next.slope[i];
            curve.bend(step, fall);
            here = next;
            running = gained >= GAIN * here.volume;
            return true;
        }
        if (++tries >= SHORTENINGS) {
            // A bad direction is forgotten once; the slope itself is the last word.
            running = curve.known;
            curve.known = false;
            return true;
        }
        // The top of the parabola through both volumes and the slope here.
        const float top = promised / (2.0f * (promised - gained));
        const float by = min(max(top, 0.1f), 0.5f);
#pragma unroll
        for (unsigned i = 0; i < 6; i++) step[i] *= by;
        promised *= by;
        return false;
    }

    // A new step from `here`.
    __device__ void aim() {
        const float steepness = sqrtf(dot(here.slope, here.slope));
        tries = 0;
        for (unsigned round = 0; round < 2; round++) {
            if (used >= most || !(steepness > GAIN * here.volume)) break;
            used++;
            if (curve.known) {
                curve.times(here.slope, step);
            } else {
#pragma unroll
                for (unsigned i = 0; i < 6; i++) step[i] = here.slope[i] * (FIRST / steepness);
            }
            const float by = min(LONGEST / sqrtf(dot(step, step)), 1.0f);
#pragma unroll
            for (unsigned i = 0; i < 6; i++) step[i] *= by;
            promised = dot(step, here.slope);
            if (promised > 0.0f) return;
            if (!curve.known) break;
            curve.known = false;
        }
        running = false;
    }
};

// Eight lanes for each fit, reference and start. `turns`: a rotation of a cube for each start.
extern "C" __global__ void __launch_bounds__(128)
    shape_climb(const Head* __restrict__ references, const float4* __restrict__ reference_atoms,
                unsigned reference_count, const Head* __restrict__ fits,
                const float4* __restrict__ fit_atoms, unsigned fit_count,
                const double* __restrict__ turns, unsigned starts, unsigned steps,
                Found* __restrict__ found) {
    const unsigned unit = (blockIdx.x * blockDim.x + threadIdx.x) / GROUP;
    const unsigned pair = unit / starts, fit_number = pair / reference_count;
    Climb climb;
    climb.running = fit_number < fit_count;
    climb.arm = 1.0f;
    unsigned begin = 0, end = 0, fit_begin = 0, fit_end = 0;
    Pose pose = {1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    if (climb.running) {
        const Head &reference = references[pair % reference_count], &fit = fits[fit_number];
        begin = unsigned(reference.begin), end = unsigned(reference.end);
        fit_begin = unsigned(fit.begin), fit_end = unsigned(fit.end);
        double onto[9], turn[9];
        product(reference.axes, turns + TURNS * (unit % starts), false, onto);
        product(onto, fit.axes, true, turn);
        pose = turned(turn);
        climb.arm = float(fit.arm);
    }
    climb.start(pose, steps);
    while (__any_sync(ALL, climb.running)) {
        // A group that is done has nothing to sum, and waits.
        const unsigned none = climb.running ? end - begin : 0;
        evaluate(climb.next, reference_atoms + begin, none, fit_atoms + fit_begin,
                 fit_end - fit_begin, climb.arm);
        // Each part once, so that groups at different points of their climbs do it together.
        if (climb.running && climb.arrived() && climb.running) climb.aim();
        if (climb.running) climb.next.pose = moved(climb.here.pose, climb.step, climb.arm);
    }
    if (fit_number < fit_count && threadIdx.x % GROUP == 0)
        found[unit] = {climb.here.volume, climb.here.pose};
}

// Eight lanes for each fit and reference: the best climb, the first among equals, with its exact volume;
// without starts the molecules as they stand. `out`: volume, quaternion and shift of the centered fit.
extern "C" __global__ void __launch_bounds__(128)
    shape_best(const Head* __restrict__ references, const Exact* __restrict__ reference_atoms,
               unsigned reference_count, const Head* __restrict__ fits,
               const Exact* __restrict__ fit_atoms, unsigned fit_count,
               const Found* __restrict__ found, unsigned starts, double* __restrict__ out) {
    const unsigned pair = (blockIdx.x * blockDim.x + threadIdx.x) / GROUP;
    const unsigned lane = threadIdx.x % GROUP, fit_number = pair / reference_count;
    const bool used = fit_number < fit_count;
    double volume = 0.0, q[4] = {1.0, 0.0, 0.0, 0.0}, t[3] = {};
    if (used) {
        const Head &reference = references[pair % reference_count], &fit = fits[fit_number];
        for (unsigned i = 0; i < 3; i++) t[i] = fit.center[i] - reference.center[i];
        float most = -1.0f;
        for (unsigned start = 0; start < starts; start++) {
            const Found& one = found[(unsigned long long)pair * starts + start];
            if (!(one.volume > most)) continue;
            most = one.volume;
            q[0] = one.pose.w, q[1] = one.pose.x, q[2] = one.pose.y, q[3] = one.pose.z;
            t[0] = one.pose.tx, t[1] = one.pose.ty, t[2] = one.pose.tz;
        }
        const double norm = 1.0 / sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
        for (unsigned i = 0; i < 4; i++) q[i] *= norm;
        const double pi = 3.14159265358979323846;
        const unsigned begin = unsigned(fit.begin), end = unsigned(fit.end);
        for (unsigned j = unsigned(reference.begin) + lane; j < unsigned(reference.end); j += GROUP) {
            const Exact atom = reference_atoms[j];
            for (unsigned i = begin; i < end; i++) {
                const Exact own = fit_atoms[i];
                // q v q* by way of 2 u x v.
                const double ux = 2.0 * (q[2] * own.z - q[3] * own.y);
                const double uy = 2.0 * (q[3] * own.x - q[1] * own.z);
                const double uz = 2.0 * (q[1] * own.y - q[2] * own.x);
                const double x = own.x + q[0] * ux + q[2] * uz - q[3] * uy + t[0] - atom.x;
                const double y = own.y + q[0] * uy + q[3] * ux - q[1] * uz + t[1] - atom.y;
                const double z = own.z + q[0] * uz + q[1] * uy - q[2] * ux + t[2] - atom.z;
                const double width = pi / (atom.a + own.a);
                const double decay = atom.a * own.a / (atom.a + own.a);
                volume += 7.29 * width * sqrt(width) * exp(-decay * (x * x + y * y + z * z));
            }
        }
    }
    for (unsigned step = GROUP / 2; step; step /= 2) volume += __shfl_xor_sync(ALL, volume, step);
    if (!used) return;
    const double all[8] = {volume, q[0], q[1], q[2], q[3], t[0], t[1], t[2]};
    // Each lane writes its own number of the eight.
    double mine = 0.0;
    for (unsigned i = 0; i < GROUP; i++) mine = i == lane ? all[i] : mine;
    out[(unsigned long long)pair * 8 + lane] = mine;
}

// CUDA C++ for an ordinary C++ compiler: what a `.cu` file needs to run on a processor.
//
// Each thread of a block is a fiber (ucontext); blocks run one after the other in the calling
// thread. A fiber runs until it waits at a barrier or in a warp's operation, so that a launch gives
// the same result each time. What a GPU would leave undefined is an error here: a barrier or a warp
// operation that not all of its threads reach, and (checked by the caller, by red zones) writes
// beside an allocation. Not here: cooperative groups, textures, streams on the device.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __host__
#define __constant__ static
// In a function `thread_local` implies `static`: one array for all fibers of the running block.
#define __shared__ thread_local
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct dim3 { unsigned x = 1, y = 1, z = 1; };

#define SUNWARD_VECTOR(T, name)                                                              \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                       \
    struct name##3 { T x, y, z; };                                                           \
    struct alignas(sizeof(T) < 8 ? 4 * sizeof(T) : 16) name##4 { T x, y, z, w; };            \
    static inline name##2 make_##name##2(T x, T y) { return {x, y}; }                        \
    static inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                \
    static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SUNWARD_VECTOR(unsigned, uint)
SUNWARD_VECTOR(int, int)
SUNWARD_VECTOR(unsigned char, uchar)
SUNWARD_VECTOR(unsigned short, ushort)
SUNWARD_VECTOR(float, float)
SUNWARD_VECTOR(double, double)
SUNWARD_VECTOR(long long, longlong)
SUNWARD_VECTOR(unsigned long long, ulonglong)
#undef SUNWARD_VECTOR

static thread_local uint3 threadIdx, blockIdx;
static thread_local dim3 blockDim, gridDim;
static const int warpSize = 32;

namespace cuda_on_cpu {

constexpr unsigned WARP = 32;
constexpr size_t STACK_BYTES = 128 << 10;
constexpr unsigned MOST_THREADS = 1024;

enum State { READY, AT_BARRIER, IN_WARP, DONE };

struct Fiber {
    ucontext_t context;
    uint3 place;
    State state;
    unsigned mask;           // the lanes that a warp's operation is for
    uint64_t posted;         // what this lane gives to it
    uint64_t seen[WARP];     // what all lanes gave
    int vote;                // what this thread gives to a barrier
    int votes, voters;       // what a barrier gives back
};

// Fibers and their stacks, kept between launches until the calling thread ends.
struct Room {
    Fiber* fibers = nullptr;
    char* stacks = nullptr;
    bool open() {
        if (!fibers) fibers = static_cast<Fiber*>(calloc(MOST_THREADS, sizeof(Fiber)));
        if (!stacks) stacks = static_cast<char*>(malloc(MOST_THREADS * STACK_BYTES));
        return fibers && stacks;
    }
    ~Room() {
        free(fibers);
        free(stacks);
    }
};

static thread_local Room room;
static thread_local Fiber* fibers;
static thread_local unsigned threads, current;
static thread_local ucontext_t scheduler;
static thread_local unsigned char* dynamic_bytes;
static thread_local char* complaint;
static thread_local size_t complaint_bytes;
static thread_local bool failed;
static thread_local void (*body)(void**);
static thread_local void** arguments;

inline void fail(const char* what, const uint3& thread) {
    if (!failed)
        snprintf(complaint, complaint_bytes, "block (%u,%u,%u), thread (%u,%u,%u): %s", blockIdx.x,
                 blockIdx.y, blockIdx.z, thread.x, thread.y, thread.z, what);
    failed = true;
}

inline void wait_as(State state) {
    Fiber& self = fibers[current];
    self.state = state;
    swapcontext(&self.context, &scheduler);
}

inline void enter() {
    body(arguments);
    wait_as(DONE);
}

inline void start(unsigned thread) {
    Fiber& fiber = fibers[thread];
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = room.stacks + thread * STACK_BYTES;
    fiber.context.uc_stack.ss_size = STACK_BYTES;
    fiber.context.uc_link = &scheduler;
    makecontext(&fiber.context, enter, 0);
    fiber.state = READY;
    fiber.place = {thread % blockDim.x, thread / blockDim.x % blockDim.y,
                   thread / (blockDim.x * blockDim.y)};
}

// Lets the lanes of one mask go on once all of them have come.
inline bool release_group(unsigned first, unsigned lane) {
    const unsigned mask = fibers[first + lane].mask;
    for (unsigned i = 0; i < WARP; i++) {
        if (!(mask >> i & 1)) continue;
        const bool here = first + i < threads && fibers[first + i].state == IN_WARP &&
                          fibers[first + i].mask == mask;
        if (!here) return false;
    }
    uint64_t posted[WARP] = {};
    for (unsigned i = 0; i < WARP; i++)
        if (mask >> i & 1) posted[i] = fibers[first + i].posted;
    for (unsigned i = 0; i < WARP; i++)
        if (mask >> i & 1) {
            memcpy(fibers[first + i].seen, posted, sizeof posted);
            fibers[first + i].state = READY;
        }
    return true;
}

inline bool release_warps() {
    bool any = false;
    for (unsigned t = 0; t < threads; t++)
        if (fibers[t].state == IN_WARP) any |= release_group(t / WARP * WARP, t % WARP);
    return any;
}

inline bool release_barrier() {
    int voters = 0, votes = 0;
    for (unsigned t = 0; t < threads; t++) {
        if (fibers[t].state == DONE) continue;
        if (fibers[t].state != AT_BARRIER) return false;
        voters++;
        votes += fibers[t].vote != 0;
    }
    for (unsigned t = 0; t < threads; t++)
        if (fibers[t].state == AT_BARRIER) {
            fibers[t].votes = votes;
            fibers[t].voters = voters;
            fibers[t].state = READY;
        }
    return voters > 0;
}

inline void run_block() {
    for (unsigned t = 0; t < threads; t++) start(t);
    for (;;) {
        for (current = 0; current < threads; current++) {
            if (fibers[current].state != READY) continue;
            threadIdx = fibers[current].place;
            swapcontext(&scheduler, &fibers[current].context);
            if (failed) return;
        }
        const bool warps = release_warps();
        if (release_barrier() || warps) continue;
        for (unsigned t = 0; t < threads; t++)
            if (fibers[t].state != DONE)
                return fail(fibers[t].state == AT_BARRIER
                                ? "waits at __syncthreads(), which not all threads reach"
                                : "waits in a warp operation that not all lanes of its mask reach",
                            fibers[t].place);
        return;
    }
}

inline int launch(void (*kernel)(void**), const unsigned* grid, const unsigned* block,
                  unsigned char* shared, void** args, char* message, size_t message_bytes) {
    failed = !room.open();
    fibers = room.fibers;
    body = kernel;
    arguments = args;
    dynamic_bytes = shared;
    complaint = message;
    complaint_bytes = message_bytes;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    threads = block[0] * block[1] * block[2];
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0] && !failed; x++) {
                blockIdx = {x, y, z};
                run_block();
            }
    return failed;
}

inline void post(unsigned mask, uint64_t value) {
    Fiber& self = fibers[current];
    if (!(mask >> (current % WARP) & 1)) {
        fail("takes part in a warp operation whose mask leaves it out", self.place);
        swapcontext(&self.context, &scheduler);
    }
    self.mask = mask;
    self.posted = value;
    wait_as(IN_WARP);
}

template <class T> inline T shuffled(unsigned mask, T value, int from, bool valid) {
    static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    post(mask, bits);
    if (valid && mask >> from & 1) memcpy(&value, &fibers[current].seen[from], sizeof value);
    return value;
}

template <class T, class F> inline T reduced(unsigned mask, T value, F join) {
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    post(mask, bits);
    bool first = true;
    T all{};
    for (unsigned i = 0; i < WARP; i++)
        if (mask >> i & 1) {
            T one;
            memcpy(&one, &fibers[current].seen[i], sizeof one);
            all = first ? one : join(all, one);
            first = false;
        }
    return all;
}

inline const Fiber& barrier(int vote) {
    fibers[current].vote = vote;
    wait_as(AT_BARRIER);
    return fibers[current];
}

// What `extern __shared__ T name[];` becomes.
template <class T> struct Dynamic {
    operator T*() const { return reinterpret_cast<T*>(dynamic_bytes); }
};

template <class... A> struct Call {
    template <void (*kernel)(A...)> static void body(void** args) {
        invoke<kernel>(args, Indices<sizeof...(A)>{});
    }
    template <size_t... I> struct List {};
    template <size_t N, size_t... I> struct Build : Build<N - 1, N - 1, I...> {};
    template <size_t... I> struct Build<0, I...> { using type = List<I...>; };
    template <size_t N> using Indices = typename Build<N>::type;
    template <void (*kernel)(A...), size_t... I> static void invoke(void** args, List<I...>) {
        kernel(*static_cast<A*>(args[I])...);
    }
    static int sizes(size_t* into, int room) {
        const size_t all[] = {sizeof(A)..., 0};
        for (int i = 0; i < room && i < int(sizeof...(A)); i++) into[i] = all[i];
        return sizeof...(A);
    }
};
template <class... A> Call<A...> call_of(void (*)(A...));

}  // namespace cuda_on_cpu

// Makes a kernel callable from outside; written behind the source for each of its kernels.
#define SUNWARD_EXPORT(name)                                                                  \
    extern "C" __attribute__((visibility("default"))) int sunward_sizes_##name(size_t* into,  \
                                                                               int room) {    \
        return decltype(cuda_on_cpu::call_of(name))::sizes(into, room);                       \
    }                                                                                         \
    extern "C" __attribute__((visibility("default"))) int sunward_launch_##name(              \
        const unsigned* grid, const unsigned* block, unsigned char* shared, void** args,      \
        char* message, size_t bytes) {                                                        \
        return cuda_on_cpu::launch(decltype(cuda_on_cpu::call_of(name))::body<name>, grid,    \
                                   block, shared, args, message, bytes);                      \
    }

static inline void __syncthreads() { cuda_on_cpu::barrier(0); }
static inline int __syncthreads_count(int p) { return cuda_on_cpu::barrier(p).votes; }
static inline int __syncthreads_or(int p) { return cuda_on_cpu::barrier(p).votes > 0; }
static inline int __syncthreads_and(int p) {
    const auto& done = cuda_on_cpu::barrier(p);
    return done.votes == done.voters;
}
static inline void __syncwarp(unsigned mask = 0xffffffffu) { cuda_on_cpu::post(mask, 0); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __trap() {
    auto& self = cuda_on_cpu::fibers[cuda_on_cpu::current];
    cuda_on_cpu::fail("__trap() was called", self.place);
    swapcontext(&self.context, &cuda_on_cpu::scheduler);
}

template <class T> inline T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
    const int lane = int(cuda_on_cpu::current % 32);
    return cuda_on_cpu::shuffled(mask, value, (lane & ~(width - 1)) | (from & (width - 1)), true);
}
template <class T> inline T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32) {
    const int lane = int(cuda_on_cpu::current % 32), from = lane ^ flip;
    const bool valid = from < (lane & ~(width - 1)) + width;
    return cuda_on_cpu::shuffled(mask, value, from & 31, valid);
}
template <class T> inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
    const int lane = int(cuda_on_cpu::current % 32), from = lane + int(by);
    const bool valid = from < (lane & ~(width - 1)) + width;
    return cuda_on_cpu::shuffled(mask, value, from & 31, valid);
}
template <class T> inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
    const int lane = int(cuda_on_cpu::current % 32), from = lane - int(by);
    return cuda_on_cpu::shuffled(mask, value, from & 31, from >= (lane & ~(width - 1)));
}
static inline unsigned __ballot_sync(unsigned mask, int predicate) {
    cuda_on_cpu::post(mask, predicate != 0);
    unsigned bits = 0;
    for (unsigned i = 0; i < 32; i++)
        bits |= unsigned(cuda_on_cpu::fibers[cuda_on_cpu::current].seen[i] & 1) << i;
    return bits;
}
static inline int __any_sync(unsigned mask, int p) { return __ballot_sync(mask, p) != 0; }
static inline int __all_sync(unsigned mask, int p) { return __ballot_sync(mask, p) == mask; }
template <class T> inline T __reduce_add_sync(unsigned mask, T v) {
    return cuda_on_cpu::reduced(mask, v, [](T a, T b) { return T(a + b); });
}
template <class T> inline T __reduce_min_sync(unsigned mask, T v) {
    return cuda_on_cpu::reduced(mask, v, [](T a, T b) { return b < a ? b : a; });
}
template <class T> inline T __reduce_max_sync(unsigned mask, T v) {
    return cuda_on_cpu::reduced(mask, v, [](T a, T b) { return a < b ? b : a; });
}
template <class T> inline T __reduce_or_sync(unsigned mask, T v) {
    return cuda_on_cpu::reduced(mask, v, [](T a, T b) { return T(a | b); });
}

// Fibers give way at barriers only, so that plain reads and writes are atomic among them.
namespace cuda_on_cpu {
// Keeps `T` from being deduced from a value: it is what the address holds.
template <class T> struct Same { using type = T; };
template <class T, class F> inline T exchange(T* at, F next) {
    const T old = *at;
    *at = next(old);
    return old;
}
}
#define SUNWARD_ATOMIC(name, expression)                                                      \
    template <class T> inline T name(T* at, typename cuda_on_cpu::Same<T>::type v) {          \
        return cuda_on_cpu::exchange(at, [v](T old) { return T(expression); });               \
    }                                                                                         \
    template <class T> inline T name##_block(T* at, typename cuda_on_cpu::Same<T>::type v) {  \
        return name(at, v);                                                                   \
    }
SUNWARD_ATOMIC(atomicAdd, old + v)
SUNWARD_ATOMIC(atomicSub, old - v)
SUNWARD_ATOMIC(atomicExch, ((void)old, v))
SUNWARD_ATOMIC(atomicMin, v < old ? v : old)
SUNWARD_ATOMIC(atomicMax, old < v ? v : old)
SUNWARD_ATOMIC(atomicAnd, old & v)
SUNWARD_ATOMIC(atomicOr, old | v)
SUNWARD_ATOMIC(atomicXor, old ^ v)
SUNWARD_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
SUNWARD_ATOMIC(atomicDec, old == 0 || old > v ? v : old - 1)
#undef SUNWARD_ATOMIC
template <class T>
inline T atomicCAS(T* at, typename cuda_on_cpu::Same<T>::type was,
                   typename cuda_on_cpu::Same<T>::type v) {
    return cuda_on_cpu::exchange(at, [was, v](T old) { return old == was ? v : old; });
}

template <class T> inline T __ldg(const T* at) { return *at; }
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __clz(int v) { return v ? __builtin_clz(unsigned(v)) : 32; }
static inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline unsigned __umulhi(unsigned a, unsigned b) {
    return unsigned((unsigned long long)a * b >> 32);
}
static inline unsigned __brev(unsigned v) {
    unsigned turned = 0;
    for (int i = 0; i < 32; i++) turned |= (v >> i & 1u) << (31 - i);
    return turned;
}

template <class To, class From> static inline To sunward_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
static inline int __float_as_int(float v) { return sunward_bits<int>(v); }
static inline unsigned __float_as_uint(float v) { return sunward_bits<unsigned>(v); }
static inline float __int_as_float(int v) { return sunward_bits<float>(v); }
static inline float __uint_as_float(unsigned v) { return sunward_bits<float>(v); }
static inline long long __double_as_longlong(double v) { return sunward_bits<long long>(v); }
static inline double __longlong_as_double(long long v) { return sunward_bits<double>(v); }

// The system's headers declare these names for themselves.
#define __expf expf
#define __logf logf
#define __sinf sinf
#define __cosf cosf
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float a) { return 1.0f / a; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }

template <class A, class B> inline auto min(A a, B b) -> decltype(a + b) {
    using T = decltype(a + b);
    return T(b) < T(a) ? T(b) : T(a);
}
template <class A, class B> inline auto max(A a, B b) -> decltype(a + b) {
    using T = decltype(a + b);
    return T(a) < T(b) ? T(b) : T(a);
}
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }

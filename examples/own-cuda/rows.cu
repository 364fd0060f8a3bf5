// One thread per row. Pointers are to columns, whose rows are adjacent. The last block may have threads
// beyond the last row, which must do nothing.

extern "C" __global__ void saxpy(const float *x, const float *y, float a, float *out,
                                 unsigned long long rows) {
    unsigned long long row = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
    if (row < rows) {
        out[row] = a * x[row] + y[row];
    }
}

extern "C" __global__ void reduce(const float *series, int months, double *mean, float *range,
                                  unsigned long long rows) {
    unsigned long long row = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
    if (row >= rows) {
        return;
    }
    const float *own = series + row * months;
    double sum = 0.0;
    float low = own[0], high = own[0];
    for (int month = 0; month < months; ++month) {
        sum += own[month];
        low = fminf(low, own[month]);
        high = fmaxf(high, own[month]);
    }
    mean[row] = sum / months;
    range[row] = high - low;
}

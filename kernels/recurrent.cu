// Time steps of RNN, GRU and LSTM. The products of the inputs with W are there already (one product for all steps); a step multiplies
// the hidden state with R and applies the gates in one launch. A warp computes all gates of one hidden unit for ROWS batch rows.
// F1, F2, F3 are the activations and CLIP the clipping, as expressions that the lowering writes.
#include "epilogue.cuh"
#include "storage.cuh"

#ifndef F1
#define F1(x) act_sigmoid(x)
#define F2(x) act_tanh(x)
#define F3(x) act_tanh(x)
#endif
#ifndef CLIP
#define CLIP(x) (x)
#endif

constexpr int ROWS = 4;

struct RecurrentShape {
  int batch, time, hidden, directions;
  int step;
  int backwards;          // bit d: direction d walks from the end to the start
  int lengths_bytes;      // of one length; 0 when every row has all steps
  int coupled;            // LSTM: the forget gate is one minus the input gate
  int recurrence_vector;  // whether 16 bytes of R and of the states may be loaded at once
  int order[4];           // LSTM: where the gates f, i, c, o lie in W, R and B
};

// One batch row of one direction in this step.
struct Row {
  int position;  // time index that is read and written; -1 when the row has ended
  long long state, gates, output;

  __device__ __forceinline__ Row(const RecurrentShape& s, const void* lengths, int direction, int row, int gate_count) {
    long long length = s.time;
    if (s.lengths_bytes == 4) length = static_cast<const int*>(lengths)[row];
    if (s.lengths_bytes == 8) length = static_cast<const long long*>(lengths)[row];
    length = min(length, static_cast<long long>(s.time));
    const bool going = s.step < length;
    position = !going ? -1 : s.backwards >> direction & 1 ? static_cast<int>(length) - 1 - s.step : s.step;
    const long long line = static_cast<long long>(direction) * s.batch + row;
    state = line * s.hidden;
    gates = (line * s.time + max(position, 0)) * gate_count * s.hidden;
    output = ((static_cast<long long>(row) * s.directions + direction) * s.time + (going ? position : s.step)) * s.hidden;
  }
};

// Adds up the products of WIDTH elements from k on: of the states of `rows` rows and of GATES rows of R.
template <int WIDTH, int GATES>
__device__ __forceinline__ void add_products(const Element* weights, const float* states, int k, int rows, int hidden,
                                             float (&sums)[ROWS][GATES]) {
  float w[GATES][WIDTH];
#pragma unroll
  for (int g = 0; g < GATES; g++) {
    const Element* from = weights + static_cast<long long>(g) * hidden * hidden + k;
    if constexpr (WIDTH > 1) {
      load_16_bytes(from, w[g]);
    } else {
      w[g][0] = widen(from[0]);
    }
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    if (r >= rows) continue;
    const float* from = states + static_cast<long long>(r) * hidden + k;
    float h[WIDTH];
    if constexpr (WIDTH > 1) {
#pragma unroll
      for (int i = 0; i < WIDTH; i += 4) reinterpret_cast<float4&>(h[i]) = *reinterpret_cast<const float4*>(from + i);
    } else {
      h[0] = from[0];
    }
#pragma unroll
    for (int g = 0; g < GATES; g++)
#pragma unroll
      for (int i = 0; i < WIDTH; i++) sums[r][g] += h[i] * w[g][i];
  }
}

// sums[r][g] = state of row r times row (g * hidden + unit) of R; every lane gets them all. A step reads all of R and little else.
template <int GATES>
__device__ __forceinline__ void multiply_states(const Element* recurrence, const float* states, int unit, int first_row, int direction,
                                                int first_gate, const RecurrentShape& s, float (&sums)[ROWS][GATES]) {
  const int lane = threadIdx.x % 32, rows = s.batch - first_row;
  const Element* weights = recurrence + (static_cast<long long>(first_gate) * s.hidden + unit) * s.hidden;
  states += (static_cast<long long>(direction) * s.batch + first_row) * s.hidden;
  if (s.recurrence_vector) {
    for (int k = lane * PER_16_BYTES; k < s.hidden; k += 32 * PER_16_BYTES)
      add_products<PER_16_BYTES>(weights, states, k, rows, s.hidden, sums);
  } else {
    for (int k = lane; k < s.hidden; k += 32) add_products<1>(weights, states, k, rows, s.hidden, sums);
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int g = 0; g < GATES; g++) sums[r][g] = warp_sum(sums[r][g]);
}

// Warps of the block are hidden units, blockIdx.y is a group of rows, blockIdx.z the direction. `body` runs in lane r for row r.
#define STEP_OF_UNITS(GATES, FIRST_GATE, ALL_GATES, STATES)                                                                \
  const int unit = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;                             \
  const int first_row = blockIdx.y * ROWS, direction = blockIdx.z;                                                        \
  if (unit >= s.hidden) return;                                                                                           \
  const long long weights = static_cast<long long>(direction) * (ALL_GATES) * s.hidden;                                   \
  float sums[ROWS][GATES] = {};                                                                                           \
  multiply_states<GATES>(recurrence + weights * s.hidden, STATES, unit, first_row, direction, FIRST_GATE, s, sums)

__device__ __forceinline__ float bias_of(const Element* bias, long long first, int gate, int unit, int hidden) {
  return bias ? widen(bias[first + static_cast<long long>(gate) * hidden + unit]) : 0.f;
}

__device__ __forceinline__ void keep_or_write(const Row& row, int unit, float next, const float* states, float* next_states,
                                              Element* outputs) {
  const bool going = row.position >= 0;
  next_states[row.state + unit] = going ? next : states[row.state + unit];
  if (outputs) outputs[row.output + unit] = narrow(going ? next : 0.f);
}

extern "C" __global__ void __launch_bounds__(256, 2)
    rnn_step(const Element* gates, const Element* recurrence, const Element* bias, const void* lengths, const float* states,
             float* next_states, Element* outputs, RecurrentShape s) {
  STEP_OF_UNITS(1, 0, 1, states);
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    if (lane != r || first_row + r >= s.batch) continue;
    const Row row(s, lengths, direction, first_row + r, 1);
    const float x = sums[r][0] + widen(gates[row.gates + unit]) + bias_of(bias, weights, 0, unit, s.hidden);
    keep_or_write(row, unit, F1(CLIP(x)), states, next_states, outputs);
  }
}

extern "C" __global__ void __launch_bounds__(256, 2)
    lstm_step(const Element* gates, const Element* recurrence, const Element* bias, const Element* peepholes, const void* lengths,
              const float* states, float* next_states, float* cells, Element* outputs, RecurrentShape s) {
  STEP_OF_UNITS(4, 0, 4, states);
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    if (lane != r || first_row + r >= s.batch) continue;
    const Row row(s, lengths, direction, first_row + r, 4);
    float x[4];
#pragma unroll
    for (int g = 0; g < 4; g++) {
      const int at = s.order[g];
      const float product = at == 0 ? sums[r][0] : at == 1 ? sums[r][1] : at == 2 ? sums[r][2] : sums[r][3];
      x[g] = product + widen(gates[row.gates + static_cast<long long>(at) * s.hidden + unit]) +
             bias_of(bias, weights, at, unit, s.hidden);
    }
    const Element* peep = peepholes ? peepholes + static_cast<long long>(direction) * 3 * s.hidden + unit : nullptr;
    float cell = cells[row.state + unit];
    if (peep) {
      x[0] += widen(peep[0]) * cell;
      x[1] += widen(peep[s.hidden]) * cell;
    }
    const float enter = F1(CLIP(x[1]));
    const float forget = s.coupled ? 1.f - enter : F1(CLIP(x[0]));
    cell = forget * cell + enter * F2(CLIP(x[2]));
    if (peep) x[3] += widen(peep[2 * s.hidden]) * cell;
    const float leave = F1(CLIP(x[3]));
    if (row.position >= 0) cells[row.state + unit] = cell;
    keep_or_write(row, unit, leave * F3(cell), states, next_states, outputs);
  }
}

// The reset gate after the product: one launch; `bias` has a fourth part.
extern "C" __global__ void __launch_bounds__(256, 2)
    gru_linear_step(const Element* gates, const Element* recurrence, const Element* bias, const void* lengths, const float* states,
                    float* next_states, Element* outputs, RecurrentShape s) {
  STEP_OF_UNITS(3, 0, 3, states);
  const long long first = static_cast<long long>(direction) * 4 * s.hidden;
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    if (lane != r || first_row + r >= s.batch) continue;
    const Row row(s, lengths, direction, first_row + r, 3);
    const Element* x = gates + row.gates + unit;
    const float update = sums[r][0] + widen(x[0]) + bias_of(bias, first, 0, unit, s.hidden);
    const float reset = sums[r][1] + widen(x[s.hidden]) + bias_of(bias, first, 1, unit, s.hidden);
    const float z = F1(CLIP(update)), q = F1(CLIP(reset));
    const float inner = sums[r][2] + bias_of(bias, first, 3, unit, s.hidden);
    const float candidate = q * inner + widen(x[2 * s.hidden]) + bias_of(bias, first, 2, unit, s.hidden);
    const float made = F2(CLIP(candidate));
    keep_or_write(row, unit, made + z * (states[row.state + unit] - made), states, next_states, outputs);
  }
}

// The reset gate before the product, which needs all of it: gates first, then the candidates.
extern "C" __global__ void __launch_bounds__(256, 2)
    gru_gates(const Element* gates, const Element* recurrence, const Element* bias, const void* lengths, const float* states,
              float* updates, float* reset_states, RecurrentShape s) {
  STEP_OF_UNITS(2, 0, 3, states);
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    if (lane != r || first_row + r >= s.batch) continue;
    const Row row(s, lengths, direction, first_row + r, 3);
    const Element* x = gates + row.gates + unit;
    const float update = sums[r][0] + widen(x[0]) + bias_of(bias, weights, 0, unit, s.hidden);
    const float reset = sums[r][1] + widen(x[s.hidden]) + bias_of(bias, weights, 1, unit, s.hidden);
    updates[row.state + unit] = F1(CLIP(update));
    reset_states[row.state + unit] = F1(CLIP(reset)) * states[row.state + unit];
  }
}

extern "C" __global__ void __launch_bounds__(256, 2)
    gru_candidates(const Element* gates, const Element* recurrence, const Element* bias, const void* lengths, const float* states,
                   float* next_states, const float* updates, const float* reset_states, Element* outputs, RecurrentShape s) {
  STEP_OF_UNITS(1, 2, 3, reset_states);
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    if (lane != r || first_row + r >= s.batch) continue;
    const Row row(s, lengths, direction, first_row + r, 3);
    const float candidate = sums[r][0] + widen(gates[row.gates + 2LL * s.hidden + unit]) + bias_of(bias, weights, 2, unit, s.hidden);
    const float made = F2(CLIP(candidate));
    const float z = updates[row.state + unit];
    keep_or_write(row, unit, made + z * (states[row.state + unit] - made), states, next_states, outputs);
  }
}

// States [batch, directions, hidden] of the model and [directions, batch, hidden] in f32 between steps.
extern "C" __global__ void states_in(const Element* from, float* to, int batch, int directions, int hidden) {
  const long long count = static_cast<long long>(batch) * directions * hidden;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const long long line = i / hidden;
    to[(line % directions * batch + line / directions) * hidden + i % hidden] = widen(from[i]);
  }
}

extern "C" __global__ void states_out(const float* from, Element* to, int batch, int directions, int hidden) {
  const long long count = static_cast<long long>(batch) * directions * hidden;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const long long line = i / hidden;
    to[i] = narrow(from[(line % directions * batch + line / directions) * hidden + i % hidden]);
  }
}

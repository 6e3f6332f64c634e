// int8 linear layers with AMX, which multiplies tiles of 8-bit integers. x, quantised to 16 bits,
// is split into 256 * high + low, and each part is a row of its own. Sums are exact, so their order
// does not matter.
#include "core/model/cpu/kernels/amx.h"

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "core/model/cpu/kernels/linear.h"

namespace vidmuse::cpu {
namespace {

constexpr int kDistance = 1024;  // prefetch distance of weights in bytes, as measured

constexpr int kTileRows = 2 * kRowGroup;
static_assert(kTileRows == 16 && kTileOutputs == 16 && kTileInputs == 64);

// Configures the tile registers for as long as a layer runs.
class Tiles {
 public:
  Tiles() {
    struct alignas(64) {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
};

// The compiler does not know that tile instructions read and write memory.
inline void Fence() { asm volatile("" ::: "memory"); }

// The quantised x in scratch: tiles [groups of rows][inputs / kTileInputs] with the high and the
// low parts of each row, then the scales of the rows, then the row that is being split.
struct Parts {
  explicit Parts(const LinearArgs& a)
      : down(TilesDown(a.k)), groups((a.rows + kRowGroup - 1) / kRowGroup) {
    const auto address = reinterpret_cast<uintptr_t>(a.scratch);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): rounds an address up
    x = reinterpret_cast<int8_t*>((address + 63) / 64 * 64);
    scales = reinterpret_cast<float*>(x + groups * down * kLinearTile);
    row = reinterpret_cast<int16_t*>(scales + groups * kRowGroup);
  }

  void Fill(const LinearArgs& a) const {
    std::memset(row, 0, down * kTileInputs * sizeof(int16_t));
    for (int64_t r = 0; r < a.rows; ++r) {
      scales[r] = RoundRow(a.x + r * a.x_stride, a.k, kMaxInput, row);
      int8_t* to = x + r / kRowGroup * down * kLinearTile + r % kRowGroup * 2 * kTileInputs;
      for (int64_t i = 0; i < down * kTileInputs; i += 32) {
        const __m512i whole = _mm512_loadu_si512(row + i);
        const __m512i high = _mm512_srai_epi16(_mm512_add_epi16(whole, _mm512_set1_epi16(128)), 8);
        int8_t* tile = to + i / kTileInputs * kLinearTile + i % kTileInputs;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(tile),
                            _mm512_maskz_cvtepi16_epi8(0xffffffff, high));
        // The low part is the low byte, taken as a signed number.
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(tile + kTileInputs),
                            _mm512_maskz_cvtepi16_epi8(0xffffffff, whole));
      }
    }
  }

  const int64_t down;
  const int64_t groups;
  int8_t* x;
  float* scales;
  int16_t* row;
};

// Stores the results of a group of rows for the outputs from `column` on.
void StoreSums(const LinearArgs& a, const Parts& parts, const int32_t* sums, int64_t group,
               int column) {
  const int64_t first = group * kRowGroup;
  const int64_t rows = a.rows - first < kRowGroup ? a.rows - first : kRowGroup;
  const Vec scale = Load(a.scales + column);
  const Vec bias = a.bias != nullptr ? Load(a.bias + column) : Vec{};
  for (int64_t r = 0; r < rows; ++r) {
    const IntVec high = LoadAs<IntVec>(sums + 2 * r * kLanes);
    const IntVec low = LoadAs<IntVec>(sums + (2 * r + 1) * kLanes);
    const Vec sum = ExactSum(high >> 4, ((high & 15) << 8) + low);
    const Vec result[1][1] = {{Scaled(sum, scale * parts.scales[first + r], bias)}};
    StoreBlock(a, result, a.y + (first + r) * a.y_stride, column);
  }
}

// Computes one panel for G groups of rows, from `group` on.
template <int G>
void PanelSums(const LinearArgs& a, const Parts& parts, int panel, int64_t group, Ahead ahead) {
  const int8_t* w =
      static_cast<const int8_t*>(a.weights) + panel * parts.down * kTilesAcross * kLinearTile;
  const int8_t* x = parts.x + group * parts.down * kLinearTile;
  const int8_t* second = x + parts.down * kLinearTile;
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (G == 2) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t tile = 0; tile < parts.down; ++tile) {
    ahead.Next();
    _tile_loadd(4, x + tile * kLinearTile, kTileInputs);
    _tile_loadd(6, w, 4 * kTileOutputs);
    ahead.Next();
    _tile_loadd(7, w + kLinearTile, 4 * kTileOutputs);
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    if constexpr (G == 2) {
      _tile_loadd(5, second + tile * kLinearTile, kTileInputs);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
    w += kTilesAcross * kLinearTile;
  }
  alignas(64) int32_t sums[4][kTileRows * kTileOutputs];
  _tile_stored(0, sums[0], kTileOutputs * sizeof(int32_t));
  _tile_stored(1, sums[1], kTileOutputs * sizeof(int32_t));
  if constexpr (G == 2) {
    _tile_stored(2, sums[2], kTileOutputs * sizeof(int32_t));
    _tile_stored(3, sums[3], kTileOutputs * sizeof(int32_t));
  }
  Fence();
  for (int g = 0; g < G; ++g) {
    for (int half = 0; half < kTilesAcross; ++half) {
      StoreSums(a, parts, sums[2 * g + half], group + g, panel * kPanel + half * kTileOutputs);
    }
  }
}

}  // namespace

void LinearInt8Amx(const LinearArgs& a, int panel_begin, int panel_end) {
  Parts parts(a);
  parts.Fill(a);
  Fence();
  const Tiles tiles;
  // This many groups of rows stay in the L2 cache while all panels are applied to them.
  constexpr int64_t kGroups = 12;
  for (int64_t first = 0; first < parts.groups; first += kGroups) {
    const int64_t end = first + kGroups < parts.groups ? first + kGroups : parts.groups;
    const int64_t passes = (end - first + 1) / 2;
    for (int panel = panel_begin; panel < panel_end; ++panel) {
      for (int64_t pass = 0; pass < passes; ++pass) {
        const int64_t group = first + 2 * pass;
        const Ahead ahead = WeightsAhead<Precision::kInt8>(a, panel, pass, passes,
                                                           kTilesAcross * parts.down, kDistance);
        if (group + 1 < end) {
          PanelSums<2>(a, parts, panel, group, ahead);
        } else {
          PanelSums<1>(a, parts, panel, group, ahead);
        }
      }
    }
  }
}

}  // namespace vidmuse::cpu

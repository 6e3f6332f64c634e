#include "core/model/cpu/token_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/model/cpu/key_factors.h"

namespace vidmuse::cpu {

size_t TokenModel::step_weight_bytes() const {
  size_t bytes = heads_.bytes();
  for (const Layer& layer : layers_) {
    bytes += layer.self_qkv.bytes() + layer.self_out.bytes() + layer.cross_q.bytes() +
             layer.cross_out.bytes() + layer.linear1.bytes() + layer.linear2.bytes();
  }
  return bytes;
}

std::unique_ptr<KvCache> TokenModel::NewCache(KvFormat format, int positions) const {
  return std::make_unique<KvCache>(format, config_.num_layers, config_.num_heads, head_dim(),
                                   positions, kv_memory_);
}

size_t TokenModel::CacheBytes(KvFormat format, int positions) const {
  return KvCache::Bytes(format, config_.num_layers, config_.num_heads, head_dim(), positions);
}

int64_t TokenModel::Scratch(int64_t rows, int64_t k) const {
  return std::max(LinearScratch(precision_, rows, k), LinearScratch(SidePrecision(), rows, k));
}

void TokenModel::FitKeys(int layer, const float* rows, int count, KvCache* cache) const {
  const int dim = config_.dim;
  std::vector<float> kv(size_t{2} * count * dim), scratch(Scratch(count, dim));
  layers_[layer].cross_kv.Apply(kernels_, rows, dim, count, kv.data(), 2 * dim, false,
                                scratch.data());
  std::vector<double> sizes(dim);
  for (int c = 0; c < dim; ++c) {
    for (int i = 0; i < count; ++i) sizes[c] += std::pow(double{kv[size_t{2} * i * dim + c]}, 2);
    sizes[c] = std::sqrt(sizes[c] / count);
  }
  for (int head = 0; head < config_.num_heads; ++head) {
    KeyFactors({sizes.data() + head * head_dim(), static_cast<size_t>(head_dim())},
               cache->key_factors(layer, head));
  }
}

void TokenModel::ProjectCondition(int layer, const float* rows, int count, int position,
                                  KvCache* cache) const {
  const int dim = config_.dim;
  const PackedLinear& linear = layers_[layer].cross_kv;
  const auto kv = std::make_unique_for_overwrite<float[]>(size_t{2} * count * dim);
  const auto scratch = std::make_unique_for_overwrite<float[]>(Scratch(count, dim));
  linear.Apply(kernels_, rows, dim, count, kv.get(), 2 * dim, false, scratch.get());
  for (int head = 0; head < config_.num_heads; ++head) {
    float* keys = kv.get() + head * head_dim();
    for (int i = 0; cache->fitted() && i < count; ++i) {
      const float* factors = cache->key_factors(layer, head);
      for (int d = 0; d < head_dim(); ++d) keys[size_t{2} * i * dim + d] *= factors[d];
    }
    cache->Write(layer, head, position, count, keys, keys + dim, 2 * dim);
  }
}

void TokenModel::Prepare(absl::Span<const SequenceInput> sequences, int threads) {
  rows_.clear();
  first_row_.clear();
  lengths_.clear();
  cross_lengths_.clear();
  self_readers_.clear();
  cross_readers_.clear();
  int longest = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    const SequenceInput& sequence = sequences[s];
    first_row_.push_back(static_cast<int>(rows_.size()));
    for (int i = 0; i < sequence.count; ++i) {
      rows_.push_back({static_cast<int>(s), sequence.position + i});
      lengths_.push_back(sequence.position + i + 1);
      cross_lengths_.push_back(sequence.cross_length);
    }
    const int index = static_cast<int>(s);
    self_readers_.push_back({index, index + 1});
    if (s > 0 && sequence.cross == sequences[s - 1].cross) {
      cross_readers_.back().end = index + 1;
    } else {
      cross_readers_.push_back({index, index + 1});
    }
    longest = std::max({longest, sequence.position + sequence.count, sequence.cross_length});
  }
  const size_t rows = rows_.size();
  const size_t dim = config_.dim;
  const auto grow = [](std::vector<float>& buffer, size_t size) {
    if (buffer.size() < size) buffer.resize(size);
  };
  grow(x_, rows * dim);
  grow(qkv_, rows * 3 * dim);
  grow(q_, rows * dim);
  grow(attention_, rows * dim);
  grow(hidden_, rows * config_.ffn());
  grow(logits_, sequences.size() * heads_.n());
  if (static_cast<int>(members_.size()) < threads) members_.resize(threads);
  for (Member& member : members_) {
    grow(member.normed, rows * dim);
    grow(member.attention, AttentionScratch(longest, head_dim()));
    grow(member.queries, rows * head_dim());
    grow(member.linear, Scratch(static_cast<int64_t>(rows), std::max(config_.dim, config_.ffn())));
  }
}

void TokenModel::Embed(absl::Span<const SequenceInput> sequences, int row_begin, int row_end) {
  const int dim = config_.dim;
  for (int r = row_begin; r < row_end; ++r) {
    const SequenceInput& sequence = sequences[rows_[r].sequence];
    const int32_t* tokens =
        sequence.tokens +
        static_cast<size_t>(r - first_row_[rows_[r].sequence]) * config_.codebooks;
    float* x = x_.data() + static_cast<size_t>(r) * dim;
    const float* position =
        position_embedding_.data() + static_cast<size_t>(rows_[r].position) * dim;
    std::fill(x, x + dim, 0.0f);
    for (int k = 0; k < config_.codebooks; ++k) {
      const float* vector = embedding_[k].data() + static_cast<size_t>(tokens[k]) * dim;
      for (int i = 0; i < dim; ++i) x[i] += vector[i];
    }
    for (int i = 0; i < dim; ++i) x[i] += position[i];
  }
}

// Every thread normalises all rows for itself, which is cheaper than a barrier.
void TokenModel::NormRows(const Norm& norm, Member& member) {
  const int dim = config_.dim;
  for (size_t r = 0; r < rows_.size(); ++r) {
    kernels_.layer_norm(x_.data() + r * dim, norm.weight.data(), norm.bias.data(), dim,
                        member.normed.data() + r * dim);
  }
}

// Items are (head, readers) pairs in the order of heads, so that the threads' shares take about
// equally long.
void TokenModel::Attend(absl::Span<const SequenceInput> sequences, int layer, bool cross, int item,
                        Member& member) {
  const std::vector<Readers>& all = readers(cross);
  const int count = static_cast<int>(all.size());
  const auto cache = [&](int i) -> const KvCache& {
    const SequenceInput& sequence = sequences[all[i % count].begin];
    return cross ? *sequence.cross : *sequence.self;
  };
  const std::vector<int>& lengths = cross ? cross_lengths_ : lengths_;
  const int head = item / count;
  const Readers& own = all[item % count];
  const int row = first_row_[own.begin];
  AttentionArgs args;
  args.q_stride = cross ? config_.dim : 3 * config_.dim;
  args.q = (cross ? q_.data() : qkv_.data()) + row * args.q_stride + head * head_dim();
  args.rows = first_row_[own.end - 1] + sequences[own.end - 1].count - row;
  args.lengths = lengths.data() + row;
  cache(item).Describe(layer, head, &args);
  if (const int next = item + 1; next < config_.num_heads * count) {
    args.next = cache(next).keys(layer, next / count);
    args.next_bytes = cache(next).KeyBytes(lengths[first_row_[all[next % count].begin]]);
  }
  if (cache(item).fitted()) {
    const float* factors = cache(item).key_factors(layer, head);
    for (int r = 0; r < args.rows; ++r) {
      for (int d = 0; d < head_dim(); ++d) {
        // Powers of two: exact.
        member.queries[static_cast<size_t>(r) * head_dim() + d] =
            args.q[r * args.q_stride + d] / factors[d];
      }
    }
    args.q = member.queries.data();
    args.q_stride = head_dim();
  }
  args.scale = 1.0f / std::sqrt(static_cast<float>(head_dim()));
  args.out = attention_.data() + static_cast<size_t>(row) * config_.dim + head * head_dim();
  args.out_stride = config_.dim;
  args.scratch = member.attention.data();
  kernels_.attention[static_cast<int>(cache(item).format())](args);
}

// Stores the new keys and values of an item.
void TokenModel::WriteSelf(absl::Span<const SequenceInput> sequences, int layer, int item) {
  const int dim = config_.dim;
  const int count = static_cast<int>(sequences.size());
  const int head = item / count;
  const SequenceInput& sequence = sequences[item % count];
  const float* keys = qkv_.data() + static_cast<size_t>(first_row_[item % count]) * 3 * dim + dim +
                      head * head_dim();
  sequence.self->Write(layer, head, sequence.position, sequence.count, keys, keys + dim, 3 * dim);
  if (const int next = item + 1; next < config_.num_heads * count) {
    // With this, no time is spent waiting for memory between two items.
    const SequenceInput& following = sequences[next % count];
    following.self->PrefetchPosition(layer, next / count, following.position);
  }
}

void TokenModel::Attention(absl::Span<const SequenceInput> sequences, int layer, bool cross,
                           ThreadTeam& team, int index) {
  const int items = config_.num_heads * static_cast<int>(readers(cross).size());
  for (int item; (item = team.Claim(items, index)) < items;) {
    if (!cross) WriteSelf(sequences, layer, item);
    Attend(sequences, layer, cross, item, members_[index]);
  }
}

void TokenModel::Logits(absl::Span<const SequenceInput> sequences, int begin, int end,
                        Member& member) {
  const int dim = config_.dim;
  // Rows that need logits are put side by side, so that the weights are read once for all of them.
  int wanted = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    if (sequences[s].logits == nullptr) continue;
    const size_t row = first_row_[s] + sequences[s].count - 1;
    kernels_.layer_norm(x_.data() + row * dim, out_norm_.weight.data(), out_norm_.bias.data(), dim,
                        member.normed.data() + static_cast<size_t>(wanted++) * dim);
  }
  const int n = heads_.n();
  const int first = begin * kPanel;
  const int width = std::min(end * kPanel, n) - first;
  if (wanted == 0 || width <= 0) return;
  heads_.Apply(kernels_, member.normed.data(), dim, wanted, logits_.data(), n, false, begin, end,
               member.linear.data());
  size_t i = 0;
  for (const SequenceInput& sequence : sequences) {
    if (sequence.logits == nullptr) continue;
    std::memcpy(sequence.logits + first, logits_.data() + i++ * n + first,
                static_cast<size_t>(width) * sizeof(float));
  }
}

void TokenModel::RunMember(absl::Span<const SequenceInput> sequences, ThreadTeam& team, int index) {
  Member& member = members_[index];
  const int ffn = config_.ffn();
  const int rows = static_cast<int>(rows_.size());
  const auto share = [&](int n) { return ThreadTeam::Share(n, index, team.size()); };
  const auto apply = [&](const PackedLinear& linear, const float* x, float* y, bool accumulate) {
    const auto [begin, end] = share(linear.panels());
    linear.Apply(kernels_, x, linear.k(), rows, y, linear.n(), accumulate, begin, end,
                 member.linear.data());
  };

  const auto [row_begin, row_end] = share(rows);
  Embed(sequences, row_begin, row_end);
  team.Barrier();
  for (int i = 0; i < config_.num_layers; ++i) {
    const Layer& layer = layers_[i];
    NormRows(layer.norm1, member);
    apply(layer.self_qkv, member.normed.data(), qkv_.data(), false);
    team.Barrier();
    Attention(sequences, i, /*cross=*/false, team, index);
    team.Barrier();
    apply(layer.self_out, attention_.data(), x_.data(), true);
    team.Barrier();
    NormRows(layer.norm_cross, member);
    apply(layer.cross_q, member.normed.data(), q_.data(), false);
    team.Barrier();
    Attention(sequences, i, /*cross=*/true, team, index);
    team.Barrier();
    apply(layer.cross_out, attention_.data(), x_.data(), true);
    team.Barrier();
    NormRows(layer.norm2, member);
    apply(layer.linear1, member.normed.data(), hidden_.data(), false);
    const auto [begin, end] = share(layer.linear1.panels());
    const int first = begin * kPanel;
    const int width = std::min(end * kPanel, ffn) - first;
    for (int r = 0; r < rows && width > 0; ++r) {
      kernels_.gelu(hidden_.data() + static_cast<size_t>(r) * ffn + first, width);
    }
    team.Barrier();
    apply(layer.linear2, hidden_.data(), x_.data(), true);
    team.Barrier();
  }
  const auto [begin, end] = share(heads_.panels());
  Logits(sequences, begin, end, member);
}

void TokenModel::Step(absl::Span<const SequenceInput> sequences, ThreadTeam& team) {
  Prepare(sequences, team.size());
  team.Run([&](int member) { RunMember(sequences, team, member); });
}

}  // namespace vidmuse::cpu

#include "core/model/conditioner/device_video_networks.h"

#include <ATen/ATen.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/model/conditioner/frame_patches.h"
#include "core/model/conditioner/video_tensors.h"

namespace vidmuse {
namespace {

using at::Tensor;

// x is [frames][tokens][in].
struct Linear {
  Tensor weight;  // [in][out]
  Tensor bias;    // [out], or undefined
  LinearUse use = LinearUse::kPlain;

  Tensor operator()(const Tensor& x) const {
    Tensor y = at::bmm(x, weight.expand({x.size(0), -1, -1}));
    if (bias.defined()) y = y + bias;
    if (use == LinearUse::kGelu) return at::gelu(y);
    return use == LinearUse::kQuickGelu ? y * at::sigmoid(y * kQuickGelu) : y;
  }
};

// [frames][tokens][heads * dim] -> [frames][heads][tokens][dim]
Tensor ByHead(const Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, -1}).transpose(1, 2);
}
Tensor Joined(const Tensor& by_head) { return by_head.transpose(1, 2).flatten(2); }

using Layer = VideoLayer<Linear>;
using Transformer = VideoTransformer<Linear>;

Tensor Apply(const Layer& layer, const Tensor& x) {
  const std::vector<Tensor> parts = layer.qkv(layer.norm1(x)).chunk(3, 2);
  const Tensor attention = at::scaled_dot_product_attention(
      ByHead(parts[0], layer.heads), ByHead(parts[1], layer.heads), ByHead(parts[2], layer.heads));
  const Tensor y = x + layer.out(Joined(attention));
  return y + layer.mlp2(layer.mlp1(layer.norm2(y)));
}

Tensor Apply(const Transformer& transformer, const Tensor& states) {
  Tensor x = states + transformer.position;
  for (const Layer& layer : transformer.layers) x = Apply(layer, x);
  return transformer.norm(x);
}

struct Context : GlobalContext {
  Tensor keys, values;  // [1][heads][tokens][dim]
};

class Networks final : public VideoNetworks {
 public:
  Networks(VideoTensors<Linear> tensors, std::shared_ptr<DeviceStream> stream)
      : t_(std::move(tensors)), stream_(std::move(stream)) {}

  int width() const override { return static_cast<int>(t_.width); }

  absl::Status Clip(absl::Span<const uint8_t* const> frames,
                    absl::Span<float* const> states) const override {
    return stream_->Run([&] {
      Tensor patches = at::zeros({kChunkFrames, kTokensPerFrame, kPatchFloats});
      for (size_t i = 0; i < frames.size(); ++i) {
        ReadPatches(frames[i], patches[static_cast<int64_t>(i)].mutable_data_ptr<float>());
      }
      Tensor x = t_.clip_norm(t_.clip_patch(patches.to(device())) + t_.clip_position);
      for (const Layer& layer : t_.clip_layers) x = Apply(layer, x);
      Scatter(x, states);
      return absl::OkStatus();
    });
  }

  absl::Status Global(absl::Span<const float* const> states,
                      absl::Span<float* const> keys_values) const override {
    return stream_->Run([&] {
      Scatter(t_.cross_key_value(Apply(t_.global, Gather(states))), keys_values);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::unique_ptr<const GlobalContext>> MakeContext(
      absl::Span<const float* const> keys_values) const override {
    auto context = std::make_unique<Context>();
    RETURN_IF_ERROR(stream_->Run([&] {
      const auto frames = static_cast<int64_t>(keys_values.size());
      Tensor all = at::empty({frames, kTokensPerFrame, 2, t_.width});
      for (size_t i = 0; i < keys_values.size(); ++i) {
        std::memcpy(all.mutable_data_ptr<float>() + i * key_value_floats(), keys_values[i],
                    key_value_floats() * sizeof(float));
      }
      const Tensor tokens = all.to(device()).flatten(0, 1).unsqueeze(0);
      context->keys = ByHead(tokens.select(2, 0), kCrossHeads).contiguous();
      context->values = ByHead(tokens.select(2, 1), kCrossHeads).contiguous();
      return absl::OkStatus();
    }));
    return context;
  }

  absl::Status Local(absl::Span<const float* const> states, const GlobalContext& context,
                     absl::Span<float* const> rows) const override {
    const auto& global = static_cast<const Context&>(context);
    return stream_->Run([&] {
      const auto for_all = [](const Tensor& x) { return x.expand({kChunkFrames, -1, -1, -1}); };
      const Tensor local = Apply(t_.local, Gather(states));
      const Tensor attention =
          Joined(at::scaled_dot_product_attention(ByHead(t_.cross_query(local), kCrossHeads),
                                                  for_all(global.keys), for_all(global.values)));
      const Tensor attended = t_.cross_norm1(attention + local);
      Scatter(t_.projection(t_.cross_norm2(t_.cross_final(attended) + attended)), rows);
      return absl::OkStatus();
    });
  }

 private:
  at::Device device() const { return t_.clip_position.device(); }

  // Gather copies the frames' states from the host into a chunk on the device; Scatter copies back.
  Tensor Gather(absl::Span<const float* const> states) const {
    Tensor chunk = at::zeros({kChunkFrames, kTokensPerFrame, t_.width});
    for (size_t i = 0; i < states.size(); ++i) {
      std::memcpy(chunk.mutable_data_ptr<float>() + i * state_floats(), states[i],
                  state_floats() * sizeof(float));
    }
    return chunk.to(device());
  }
  static void Scatter(const Tensor& chunk, absl::Span<float* const> frames) {
    const Tensor host = chunk.to(at::kCPU).contiguous();
    const auto floats = static_cast<size_t>(host[0].numel());
    for (size_t i = 0; i < frames.size(); ++i) {
      std::memcpy(frames[i], host.const_data_ptr<float>() + i * floats, floats * sizeof(float));
    }
  }

  const VideoTensors<Linear> t_;
  const std::shared_ptr<DeviceStream> stream_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const VideoNetworks>> LoadDeviceVideoNetworks(
    const LmConfig& config, DeviceReader& reader, std::shared_ptr<DeviceStream> stream,
    size_t* weight_bytes) {
  size_t bytes = 0;
  VideoTensorReader<Linear> tensors(
      config, reader.weights(),
      [&](const NamedShape& source) -> absl::StatusOr<Tensor> {
        ASSIGN_OR_RETURN(Tensor tensor, reader.Read(source));
        bytes += tensor.nbytes();
        return tensor;
      },
      [](const Tensor& weight, const Tensor& bias, LinearUse use) {
        return Linear{weight.t(), bias, use};
      });
  ASSIGN_OR_RETURN(VideoTensors<Linear> read, tensors.Read());
  if (weight_bytes != nullptr) *weight_bytes = bytes;
  return std::make_unique<Networks>(std::move(read), std::move(stream));
}

}  // namespace vidmuse

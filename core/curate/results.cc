#include "core/curate/results.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/curate/duplicates.h"

namespace vidmuse::curate {
namespace {

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The measured number, if there is one.
std::optional<double> Number(const CuratedClip& clip, const char* stage, const char* value) {
  const auto found = clip.measured.find(stage);
  if (found == clip.measured.end()) return std::nullopt;
  const auto number = found->second.find(value);
  if (number == found->second.end() || !number->is_number()) return std::nullopt;
  return number->get<double>();
}

Json ClipLine(const CuratedClip& clip) {
  Json line;
  line["id"] = clip.clip.id;
  line["video_path"] = clip.clip.video;
  line["path"] = clip.clip.sound;
  line["kept"] = clip.decision.kept;
  line["reason"] = clip.decision.reason;
  for (const auto& [stage, measured] : clip.measured) line[stage] = measured;
  line["source"] = clip.clip.source;
  return line;
}

// The keys of the published code's training manifest.
Json TrainingLine(const CuratedClip& clip) {
  Json line;
  const auto separated = clip.measured.find("separate");
  const bool has_file = separated != clip.measured.end() && separated->second.contains("path");
  line["path"] = has_file ? separated->second["path"] : Json(clip.clip.sound);
  line["video_path"] = clip.clip.video;
  line["duration"] = Number(clip, "probe", "seconds").value_or(0);
  line["sample_rate"] = Number(clip, has_file ? "separate" : "probe", "sample_rate").value_or(0);
  line["amplitude"] = nullptr;
  line["weight"] = nullptr;
  line["info_path"] = nullptr;
  return line;
}

absl::Status WriteList(const std::vector<const CuratedClip*>& clips, const std::string& manifest,
                       const std::string& ids) {
  std::string lines, names;
  for (const CuratedClip* clip : clips) {
    lines += Dump(TrainingLine(*clip));
    absl::StrAppend(&names, clip->clip.id, "\n");
  }
  RETURN_IF_ERROR(WriteWhole(manifest, lines));
  return WriteWhole(ids, names);
}

// Sets `same_as` of each clip that sounds like an earlier one which goes on so far.
void MarkDuplicates(std::vector<CuratedClip>* clips) {
  std::vector<CuratedClip*> heard;
  std::vector<std::vector<uint32_t>> fingerprints;
  for (CuratedClip& clip : *clips) {
    const auto measured = clip.measured.find("duplicates");
    if (measured == clip.measured.end() || !clip.decision.kept) continue;
    heard.push_back(&clip);
    fingerprints.push_back(DecodeFingerprint(measured->second.value("fingerprint", "")));
    measured->second.erase("fingerprint");
  }
  const std::vector<int64_t> same = FindDuplicates(fingerprints);
  std::map<std::string, size_t> first_of_hash;
  for (size_t i = 0; i < heard.size(); ++i) {
    // Copies of a file are the same whatever they sound like.
    std::optional<size_t> twin;
    if (same[i] >= 0) twin = same[i];
    const auto probe = heard[i]->measured.find("probe");
    if (probe != heard[i]->measured.end()) {
      const auto [copy, is_new] = first_of_hash.emplace(probe->second.value("video_hash", ""), i);
      if (!is_new) twin = copy->second;
    }
    heard[i]->measured["duplicates"]["same_as"] =
        twin.has_value() ? Json(heard[*twin]->clip.id) : Json(nullptr);
  }
}

}  // namespace

std::vector<CuratedClip> Collect(absl::Span<const RawClip> clips, const Rules& rules,
                                 const MeasurementStore& store,
                                 const std::vector<StageKey>& stages) {
  std::vector<CuratedClip> collected;
  for (const RawClip& raw : clips) {
    CuratedClip& clip = collected.emplace_back();
    clip.clip = raw;
    for (const StageKey& stage : stages) {
      std::optional<Json> measured = store.Find(stage.name, stage.settings, raw.id);
      if (!measured.has_value()) {
        const std::string reason = absl::StrCat("not measured by ", stage.name, " yet");
        clip.decision = {false, reason, "", reason};
        break;
      }
      clip.measured[stage.name] = *std::move(measured);
      clip.decision = Decide(rules, raw, clip.measured);
      if (!clip.decision.kept) break;
    }
  }
  MarkDuplicates(&collected);
  for (CuratedClip& clip : collected) {
    if (clip.decision.kept) clip.decision = Decide(rules, clip.clip, clip.measured);
  }
  return collected;
}

Split SplitClips(const std::vector<CuratedClip>& clips, const Rules& rules,
                 const Reviews& reviews) {
  Split split;
  for (const CuratedClip& clip : clips) {
    if (!clip.decision.kept) continue;
    (IsKept(reviews, clip.clip.id) ? split.benchmark : split.pretrain).push_back(&clip);
  }
  std::vector<std::pair<double, const CuratedClip*>> scored;
  for (const CuratedClip* clip : split.pretrain) {
    if (const auto score = Number(*clip, "align", "imagebind")) scored.emplace_back(*score, clip);
  }
  std::sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->clip.id < b.second->clip.id;
  });
  scored.resize(std::min(scored.size(), static_cast<size_t>(rules.finetune_clips)));
  for (const auto& [score, clip] : scored) split.finetune.push_back(clip);
  return split;
}

absl::Status WriteResults(const std::vector<CuratedClip>& clips, const Split& split,
                          const std::string& folder) {
  std::string lines;
  for (const CuratedClip& clip : clips) lines += Dump(ClipLine(clip));
  RETURN_IF_ERROR(WriteWhole(absl::StrCat(folder, "/clips.jsonl"), lines));
  const auto write = [&](const std::vector<const CuratedClip*>& list, const char* manifest,
                         const char* ids) {
    return WriteList(list, absl::StrCat(folder, "/", manifest), absl::StrCat(folder, "/", ids));
  };
  RETURN_IF_ERROR(write(split.pretrain, "pretrain.jsonl", "V2M.txt"));
  RETURN_IF_ERROR(write(split.finetune, "finetune.jsonl", "V2M-20k.txt"));
  return write(split.benchmark, "benchmark.jsonl", "V2M-bench.txt");
}

}  // namespace vidmuse::curate

#include "server/metric_table.h"

namespace vidmuse {

MetricSpec SpecOf(Counter counter) {
  switch (counter) {
    case Counter::kRequests:
      return {"vidmuse_requests_total",
              "Requests that ended, by status code and reason; OK: the client was sent all of it."};
    case Counter::kAudioSeconds:
      return {"vidmuse_audio_seconds_total", "Seconds of music delivered."};
    case Counter::kTokens:
      return {"vidmuse_tokens_total", "Tokens sampled."};
    case Counter::kWastedTokens:
      return {"vidmuse_wasted_tokens_total", "Tokens of requests that ended early, by cause."};
    case Counter::kVideoBytes:
      return {"vidmuse_video_bytes_total", "Bytes of video received."};
    case Counter::kVideosDecodedEarly:
      return {"vidmuse_videos_decoded_early_total",
              "Uploads of which frames were decoded before the last byte had come."};
    case Counter::kStreamUnderruns:
      return {"vidmuse_stream_underruns_total",
              "Streams that would have run dry, played in real time from their first chunk on."};
  }
  return {};
}

MetricSpec SpecOf(Gauge gauge) {
  switch (gauge) {
    case Gauge::kRequestsRunning:
      return {"vidmuse_requests_running", "Requests with a place: not waiting, and not yet made."};
    case Gauge::kRequestsPaused:
      return {"vidmuse_requests_paused",
              "Running requests that sit out, since others need the step or the memory more."};
    case Gauge::kRequestsWaiting:
      return {"vidmuse_requests_waiting", "Requests admitted and not yet running."};
    case Gauge::kEstimatedQueueDelaySeconds:
      return {"vidmuse_estimated_queue_delay_seconds", "Wait that a new request would have now."};
    case Gauge::kKvCacheUsageRatio:
      return {"vidmuse_kv_cache_usage_ratio", "Share of the KV cache's memory in use, 0 to 1."};
    case Gauge::kDraining:
      return {"vidmuse_draining", "1 while the server takes no new requests."};
  }
  return {};
}

MetricSpec SpecOf(Histogram histogram) {
  switch (histogram) {
    case Histogram::kRequestSeconds:
      return {"vidmuse_request_duration_seconds",
              "Submission to end of a request.",
              {0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600}};
    case Histogram::kQueueSeconds:
      return {"vidmuse_request_queue_seconds",
              "Time that a request waited for a place.",
              {0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600}};
    case Histogram::kTimeToFirstAudioSeconds:
      return {"vidmuse_time_to_first_audio_seconds",
              "Submission to the first bytes of audio, of requests that are streamed: reference "
              "loudness gives audio at the end.",
              {0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600}};
    case Histogram::kInterChunkSeconds:
      return {"vidmuse_inter_chunk_seconds",
              "Time between two chunks of a request.",
              {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300}};
    case Histogram::kStreamLeadSeconds:
      return {
          "vidmuse_stream_lead_seconds",
          "Audio that a player, which began with the first chunk of a streamed request, had left "
          "when the next one came; 0: it had run dry.",
          {0, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600}};
    case Histogram::kStageSeconds:
      return {"vidmuse_stage_seconds",
              "Time that a request spent in a stage.",
              {0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}};
    case Histogram::kLmStepSeconds:
      return {"vidmuse_lm_step_seconds",
              "Time of one decoding step of the token model.",
              {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}};
    case Histogram::kBatchSize:
      return {"vidmuse_batch_size",
              "Requests in a decoding step.",
              {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256}};
    case Histogram::kRealtimeFactor:
      return {
          "vidmuse_realtime_factor",
          "Seconds of music that a request made per second of its windows' opening and decoding "
          "steps: without waiting, its upload and its reader's pace.",
          {0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 50}};
  }
  return {};
}

bool ReportedByEngine(Counter counter) { return counter == Counter::kTokens; }
bool ReportedByEngine(Gauge gauge) {
  return gauge == Gauge::kRequestsRunning || gauge == Gauge::kRequestsPaused ||
         gauge == Gauge::kKvCacheUsageRatio || gauge == Gauge::kEstimatedQueueDelaySeconds;
}
bool ReportedByEngine(Histogram histogram) {
  return histogram == Histogram::kLmStepSeconds || histogram == Histogram::kBatchSize;
}

prometheus::Family<prometheus::Counter>& Register(prometheus::Registry& registry, Counter counter,
                                                  const prometheus::Labels& common) {
  const MetricSpec spec = SpecOf(counter);
  return prometheus::BuildCounter().Name(spec.name).Help(spec.help).Labels(common).Register(
      registry);
}

prometheus::Family<prometheus::Histogram>& Register(prometheus::Registry& registry,
                                                    Histogram histogram,
                                                    const prometheus::Labels& common) {
  const MetricSpec spec = SpecOf(histogram);
  return prometheus::BuildHistogram().Name(spec.name).Help(spec.help).Labels(common).Register(
      registry);
}

prometheus::Family<prometheus::Gauge>& Register(prometheus::Registry& registry, Gauge gauge,
                                                const prometheus::Labels& common) {
  const MetricSpec spec = SpecOf(gauge);
  return prometheus::BuildGauge().Name(spec.name).Help(spec.help).Labels(common).Register(registry);
}

}  // namespace vidmuse

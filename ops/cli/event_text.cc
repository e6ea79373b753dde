#include "ops/cli/event_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "ops/cli/output.h"
#include "schemas/cloudevents.h"
#include "schemas/codec.h"
#include "schemas/token.h"

namespace solo::ops {
namespace {

std::string text_of(const schemas::Box<v1::ObservedT>& observed) {
  return observed ? fmt::format("generation {}", observed->generation) : "";
}

std::string text_of(const schemas::Box<v1::EndStatusT>& end) {
  if (!end) return "unknown end";
  if (end->kind == v1::EndKind::exited) return fmt::format("exit {}", end->status);
  if (end->kind == v1::EndKind::signaled) return fmt::format("signal {}", end->signal);
  return "unknown end";
}

std::string text_of(const schemas::Box<v1::ProcessIdentityT>& identity) {
  return identity ? fmt::format(", pid {}", identity->pid) : "";
}

std::string condition(std::uint64_t if_generation) {
  return if_generation == 0 ? "" : fmt::format(", if generation {}", if_generation);
}

/// One overload for each payload.
struct Summary {
  std::string operator()(const v1::SystemInitializedT& e) const {
    return fmt::format("log {}, rules {}, partition {} of {}", e.log_uuid, e.rules, e.partition, e.partitions);
  }
  std::string operator()(const v1::RulesRaisedT& e) const { return fmt::format("rules {}", e.rules); }
  std::string operator()(const v1::SystemStartedT& e) const {
    return fmt::format("node {}, run {}, version {}", e.node, e.run, e.version);
  }
  std::string operator()(const v1::RuntimeClaimedT& e) const { return fmt::format("node {}, run {}", e.node, e.run); }
  std::string operator()(const v1::SystemRecoveredT& e) const {
    if (!e.report) return "";
    return fmt::format("{} recovered ({} adopted, {} started), {} stopped, {} failed, {}", e.report->recovered,
                       e.report->adopted, e.report->started, e.report->stopped, e.report->failed,
                       show_duration(e.report->duration_us));
  }
  std::string operator()(const v1::SystemShutdownStartedT& e) const { return e.reason; }
  std::string operator()(const v1::SystemShutdownCompleteT& e) const { return fmt::format("exit {}", e.exit_code); }
  std::string operator()(const v1::ServiceDeployedT& e) const {
    if (!e.spec) return "";
    std::string text = v1::EnumNameFormat(e.spec->format);
    for (const auto& word : e.spec->argv) text += ' ' + word;
    if (!e.spec->code.empty()) text += fmt::format(", {} bytes", e.spec->code.size());
    return text + (e.replace ? ", replace" : "") + condition(e.if_generation);
  }
  std::string operator()(const v1::ServiceKilledT& e) const {
    return (e.force ? "at once" : "in order") + condition(e.if_generation);
  }
  std::string operator()(const v1::ServiceRestartRequestedT& e) const {
    return e.if_generation == 0 ? "" : fmt::format("if generation {}", e.if_generation);
  }
  std::string operator()(const v1::ServiceStartedT& e) const { return text_of(e.observed) + text_of(e.identity); }
  std::string operator()(const v1::ServiceRecoveredT& e) const {
    return fmt::format("{}{}, {}", text_of(e.observed), text_of(e.identity), v1::EnumNameRecoveryMode(e.mode));
  }
  std::string operator()(const v1::ServiceExitedT& e) const { return ended(e); }
  std::string operator()(const v1::ServiceCrashedT& e) const { return ended(e); }
  std::string operator()(const v1::ServiceStoppedT& e) const { return ended(e); }
  std::string operator()(const v1::ServiceDeploymentFailedT& e) const { return failed(e); }
  std::string operator()(const v1::ServiceRecoveryFailedT& e) const { return failed(e); }
  std::string operator()(const v1::ServiceFailedT& e) const { return failed(e); }
  std::string operator()(const v1::CapabilityGrantedT& e) const {
    const auto hash = schemas::parse_token_hash(e.hash);
    std::string text = hash ? schemas::token_accessor(*hash) : "no token";
    for (const v1::Permission permission : e.permissions)
      text += fmt::format(" {}", v1::EnumNamePermission(permission));
    if (e.root) text += ", root";
    if (e.all_tenants) text += ", every tenant";
    if (!e.services.empty()) text += fmt::format(", services {}", e.services);
    if (e.ttl_ms != 0) text += fmt::format(", for {} s", e.ttl_ms / 1000);
    return e.note.empty() ? text : fmt::format("{}, {}", text, e.note);
  }
  std::string operator()(const v1::CapabilityRevokedT& e) const { return e.all ? "all" : e.accessor; }
  std::string operator()(const v1::CapabilitiesRemovedT& e) const {
    return fmt::format("{} expired before {}", e.hashes.size(), show_time(e.expired_before));
  }
  std::string operator()(const v1::VerificationReportedT& e) const {
    if (!e.report) return "";
    return fmt::format("{} at {}, {} differences, {} mended", v1::EnumNameVerificationStatus(e.report->status),
                       e.report->position, e.report->inconsistencies_found, e.report->repaired);
  }
  std::string operator()(const v1::DriftFixedT& e) const {
    return fmt::format("{}: {} {}, {}", e.code, v1::EnumNameRepairAction(e.action), e.instance, e.detail);
  }
  std::string operator()(const v1::CapabilityVerifiedT& e) const {
    return fmt::format("{} {}, {} times", e.accessor, v1::EnumNamePermission(e.permission), e.count);
  }
  std::string operator()(const v1::CapabilityDeniedT& e) const {
    return fmt::format("{} {}: {}{}", e.accessor.empty() ? "somebody" : e.accessor, e.command,
                       v1::EnumNameDenialReason(e.reason),
                       e.suppressed == 0 ? "" : fmt::format(", {} more like it", e.suppressed)) +
           (e.peer.empty() ? "" : fmt::format(", from {}", e.peer));
  }
  std::string operator()(const v1::LostTailAcceptedT& e) const {
    return fmt::format("without the records from {} to {} of log {}", e.from, e.until, e.former_log);
  }

 private:
  template <class Event>
  static std::string ended(const Event& e) {
    return text_of(e.observed) + ", " + text_of(e.end);
  }
  template <class Event>
  static std::string failed(const Event& e) {
    return fmt::format("{}, {}", text_of(e.observed), e.reason);
  }
};

}  // namespace

std::string event_summary(const v1::EventT& event) {
  const Summary summary;
  const auto& payload = event.payload;
  switch (payload.type) {
#define SOLO_SUMMARY(TYPE) \
  case v1::Payload::TYPE:  \
    return summary(*payload.As##TYPE());
    SOLO_SUMMARY(SystemInitialized)
    SOLO_SUMMARY(RulesRaised)
    SOLO_SUMMARY(SystemStarted)
    SOLO_SUMMARY(RuntimeClaimed)
    SOLO_SUMMARY(SystemRecovered)
    SOLO_SUMMARY(SystemShutdownStarted)
    SOLO_SUMMARY(SystemShutdownComplete)
    SOLO_SUMMARY(ServiceDeployed)
    SOLO_SUMMARY(ServiceKilled)
    SOLO_SUMMARY(ServiceRestartRequested)
    SOLO_SUMMARY(ServiceStarted)
    SOLO_SUMMARY(ServiceRecovered)
    SOLO_SUMMARY(ServiceExited)
    SOLO_SUMMARY(ServiceCrashed)
    SOLO_SUMMARY(ServiceStopped)
    SOLO_SUMMARY(ServiceDeploymentFailed)
    SOLO_SUMMARY(ServiceRecoveryFailed)
    SOLO_SUMMARY(ServiceFailed)
    SOLO_SUMMARY(CapabilityGranted)
    SOLO_SUMMARY(CapabilityRevoked)
    SOLO_SUMMARY(CapabilitiesRemoved)
    SOLO_SUMMARY(VerificationReported)
    SOLO_SUMMARY(DriftFixed)
    SOLO_SUMMARY(CapabilityVerified)
    SOLO_SUMMARY(CapabilityDenied)
    SOLO_SUMMARY(LostTailAccepted)
#undef SOLO_SUMMARY
    case v1::Payload::NONE:
      return "";
  }
  return "";
}

std::string record_header() {
  return fmt::format("{:<10}  {:<20}  {:<24}  {:<24}  {}\n", "POSITION", "TIME", "SERVICE", "EVENT", "WHAT");
}

std::string record_line(const schemas::LogRecord& record) {
  std::string whose = record.key;
  std::string type = "quarantined";
  std::string what;
  if (const auto event = schemas::decode_event(record.value)) {
    whose = event->service.empty() ? event->tenant : event->tenant + '/' + event->service;
    type = v1::EnumNamePayload(event->payload.type);
    what = event_summary(*event);
  } else {
    what = fmt::format("{} ({} bytes)", event.error().message, record.value.size());
  }
  std::string line = fmt::format("{:<10}  {:<20}  {:<24}  {:<24}  {}", schemas::to_string(record.position),
                                 show_time(record.timestamp), printable(whose), type, what);
  for (char& c : line) c = c == '\n' || c == '\t' ? ' ' : c;
  line = printable(line);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

std::string record_json(const schemas::LogRecord& record, schemas::JsonCodec& codec) {
  using nlohmann::ordered_json;
  ordered_json shown{{"position", schemas::to_string(record.position)},
                     {"time", schemas::to_rfc3339(record.timestamp)},
                     {"key", schemas::to_utf8(record.key)}};
  if (const auto event = schemas::decode_event(record.value)) {
    shown["event"] = ordered_json::parse(codec.to_json(*event));
  } else {
    shown["quarantined"] = {{"code", std::string(schemas::to_string(event.error().code))},
                            {"message", event.error().message}};
    shown["size"] = record.value.size();
  }
  return shown.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace solo::ops

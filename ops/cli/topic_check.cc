// solo topic check
#include "producers/topic_check.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/kafka_access.h"
#include "ops/cli/output.h"
#include "producers/kafka_topic.h"

namespace solo::ops {
namespace {

using producers::KafkaInspector;
using schemas::Error;
using schemas::ErrorCode;
using schemas::Result;
using Settings = std::map<std::string, std::string>;

constexpr std::chrono::milliseconds kAnswer{10'000};

/// What was found out about a topic.
struct Examined {
  std::string topic;
  std::int32_t partitions = 0;
  std::int32_t replication = 0;
  std::int32_t min_insync = 0;
  std::string log_uuid;
  std::vector<producers::TopicFault> faults;
  /// What is wrong with its records.
  std::optional<Error> genesis;
  std::vector<std::string> advice;
  /// Why its settings are not known.
  std::optional<Error> unseen;

  bool is_at_fault() const { return !faults.empty() || genesis; }
  bool fit() const { return !is_at_fault() && !unseen; }
  bool is_unknown() const { return !is_at_fault() && unseen; }
};

Result<void> examine_settings(KafkaInspector& inspector, Examined& examined) {
  const auto settings = inspector.settings(kAnswer);
  if (!settings) {
    const auto code = settings.error().code;
    if (code != ErrorCode::unimplemented && code != ErrorCode::permission_denied)
      return schemas::fail(settings.error());
    examined.unseen = producers::unseen_settings_error(examined.topic, settings.error());
    return {};
  }
  examined.min_insync = producers::min_insync_replicas(*settings);
  examined.faults = producers::find_topic_faults(*settings);
  for (auto& fault : producers::find_replication_faults(*settings, examined.replication)) {
    examined.faults.push_back(std::move(fault));
  }
  examined.advice = producers::advise_on_topic(*settings, examined.replication);
  return {};
}

Result<Examined> examine(KafkaInspector& inspector) {
  Examined examined;
  examined.topic = inspector.topic();
  const auto partitions = inspector.partitions(kAnswer);
  if (!partitions) return schemas::fail(partitions.error());
  examined.partitions = *partitions;
  const auto replication = inspector.replication(kAnswer);
  if (!replication) return schemas::fail(replication.error());
  examined.replication = *replication;
  if (auto settings = examine_settings(inspector, examined); !settings) return schemas::fail(settings.error());
  const auto genesis = producers::read_kafka_genesis(inspector, kAnswer);
  if (genesis) {
    examined.log_uuid = genesis->log_uuid;
  } else if (genesis.error().code == ErrorCode::failed_precondition) {
    examined.genesis = genesis.error();
  } else {
    return schemas::fail(genesis.error());
  }
  return examined;
}

std::string to_json(const Examined& examined) {
  using Json = nlohmann::ordered_json;
  Json shown{{"topic", examined.topic},
             {"fit", examined.is_unknown() ? Json("unknown") : Json(examined.fit())},
             {"log", examined.log_uuid},
             {"partitions", examined.partitions},
             {"replication", examined.replication},
             {"min_insync_replicas", examined.unseen ? Json() : Json(examined.min_insync)},
             {"faults", Json::array()},
             {"advice", examined.advice}};
  if (examined.unseen) {
    shown["unknown"] = {{"message", examined.unseen->message}, {"hint", examined.unseen->hint}};
  }
  for (const auto& fault : examined.faults) {
    shown["faults"].push_back({{"setting", fault.setting},
                               {"value", fault.value},
                               {"wanted", fault.wanted},
                               {"mend", producers::mending_command(examined.topic, {fault})}});
  }
  if (examined.genesis) {
    shown["faults"].push_back({{"setting", "genesis"},
                               {"value", examined.genesis->message},
                               {"wanted", "the record that names the log, at the beginning of each partition"},
                               {"mend", examined.genesis->hint}});
  }
  return shown.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Examined& examined) {
  std::string text = facts(
      {{"topic", examined.topic},
       {"log", examined.log_uuid},
       {"partitions", std::to_string(examined.partitions)},
       {"replication", fmt::format("{}, min.insync.replicas {}", examined.replication,
                                   examined.unseen ? std::string("unknown") : std::to_string(examined.min_insync))}});
  for (const auto& fault : examined.faults) {
    text += fmt::format("WRONG: {} is {}, it must be {}\n", fault.setting, printable(fault.value), fault.wanted);
  }
  if (!examined.faults.empty()) {
    text += fmt::format("  mend it: {}\n", producers::mending_command(examined.topic, examined.faults));
  }
  if (examined.genesis) {
    text += fmt::format("WRONG: {}\n", printable(examined.genesis->message));
    if (!examined.genesis->hint.empty()) text += fmt::format("  mend it: {}\n", examined.genesis->hint);
  }
  for (const auto& advice : examined.advice) text += fmt::format("note: {}\n", advice);
  if (examined.unseen) {
    text += fmt::format("UNKNOWN: {}\n  mend it: {}\n", printable(examined.unseen->message), examined.unseen->hint);
  }
  if (examined.is_unknown()) return text + "fit for a log: unknown\n";
  return text + (examined.fit() ? "fit for a log\n" : "not fit for a log\n");
}

/// Who is not let in has learned nothing of the topic.
int unreached(Session& session, const Error& error) {
  const int status = session.fail(error);
  const bool shut_out = error.code == ErrorCode::unauthenticated || error.code == ErrorCode::permission_denied;
  return shut_out ? kFailed : status;
}

class TopicCheck final : public Command {
 public:
  bool is_local() const override { return true; }

  Page page() override {
    return {
        .summary = "look whether a Kafka topic keeps a log safely",
        .synopsis = {"--kafka HOST:PORT [OPTION...]"},
        .description =
            "Looks at what solod looks at before it takes a topic for its log: retention, compaction, elections, "
            "the largest record, replication, the number of partitions, and the record at the beginning of each that "
            "names the log. "
            "Says what is wrong and how to mend it.",
        .options = access_.options(),
        .exit_status =
            {{"0", "It is fit for a log."},
             {"1",
              "It would lose events or turn them away, is unfinished or none of Solo's; or there is no such topic."},
             {"2", "Wrongly asked."},
             {"3", "Kafka could not be reached, or does not tell: whether it is fit is not known."}},
        .examples = {{"Before the first start", "solo topic check --kafka 127.0.0.1:9092"}}};
  }

  int run(Session& session) override {
    const auto kafka = access_.kafka();
    if (!kafka) return session.fail(kafka.error());
    auto inspector = KafkaInspector::start(*kafka);
    if (!inspector) return session.fail(inspector.error());
    session.progress("asking Kafka at " + kafka->bootstrap);
    const auto examined = examine(**inspector);
    if (!examined) return unreached(session, examined.error());
    if (session.json()) {
      session.print_json(to_json(*examined));
    } else {
      session.print(to_text(*examined));
    }
    if (examined->is_unknown()) return kFailed;
    return examined->fit() ? kDone : kAnswerIsNo;
  }

 private:
  KafkaAccess access_;
};

}  // namespace

std::unique_ptr<Command> make_topic_check() { return std::make_unique<TopicCheck>(); }

}  // namespace solo::ops

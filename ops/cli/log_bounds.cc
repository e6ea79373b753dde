// solo log bounds
#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/log_access.h"
#include "ops/cli/output.h"

namespace solo::ops {
namespace {

class LogBounds final : public Command {
 public:
  bool is_local() const override { return true; }

  Page page() override {
    Page page{.summary = "show where the log begins and ends",
              .synopsis = {"[OPTION...]"},
              .description =
                  "Prints the log's uuid and, of each partition, its first offset and the next one to be written. "
                  "Reads the log's files, the daemon may run or not; with --kafka the topic CLUSTER.events.",
              .examples = {{"How long it is", "solo log bounds --state-dir /var/lib/solo"},
                           {"Of a log in Kafka", "solo log bounds --kafka 10.0.0.1:9092"}}};
    for (auto& option : kafka_.options()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override;

 private:
  static std::string text(const LogSource& log, const std::string& uuid, const std::vector<producers::Bounds>& bounds);
  static std::string json(const LogSource& log, const std::string& uuid, const std::vector<producers::Bounds>& bounds);

  KafkaAccess kafka_;
};

std::string LogBounds::text(const LogSource& log, const std::string& uuid,
                            const std::vector<producers::Bounds>& bounds) {
  Table table({"PARTITION", "FIRST", "NEXT", "LOG", "DAEMON"});
  const auto live = log.live();
  const std::string daemon = !live ? "-" : *live ? "running" : "stopped";
  for (std::size_t partition = 0; partition < bounds.size(); ++partition) {
    table.add({std::to_string(partition), std::to_string(bounds[partition].first),
               std::to_string(bounds[partition].end), uuid, daemon});
  }
  return table.str();
}

std::string LogBounds::json(const LogSource& log, const std::string& uuid,
                            const std::vector<producers::Bounds>& bounds) {
  nlohmann::ordered_json shown{{"log", uuid}, {"kind", log.kind()}};
  if (const auto live = log.live()) shown["live"] = *live;
  shown["partitions"] = nlohmann::ordered_json::array();
  for (std::size_t partition = 0; partition < bounds.size(); ++partition) {
    shown["partitions"].push_back(
        {{"partition", partition}, {"first", bounds[partition].first}, {"end", bounds[partition].end}});
  }
  return shown.dump();
}

int LogBounds::run(Session& session) {
  const Interrupt interrupt;
  auto log = open_log_source(session, kafka_);
  if (!log) return session.fail(log.error());
  const auto genesis = (*log)->genesis();
  if (!genesis) return session.fail(genesis.error());
  std::vector<producers::Bounds> bounds;
  for (std::int32_t partition = 0; partition < (*log)->partitions(); ++partition) {
    const auto found = (*log)->bounds(partition);
    if (!found) return session.fail(found.error());
    bounds.push_back(*found);
  }
  if (session.json()) {
    session.print_json(json(**log, genesis->log_uuid, bounds));
  } else {
    session.print(text(**log, genesis->log_uuid, bounds));
  }
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_log_bounds() { return std::make_unique<LogBounds>(); }

}  // namespace solo::ops

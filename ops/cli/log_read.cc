// solo log read
#include <fmt/format.h>

#include <algorithm>

#include "ops/cli/command.h"
#include "ops/cli/event_text.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/log_access.h"
#include "ops/cli/log_merge.h"
#include "ops/cli/log_range.h"
#include "producers/clock.h"
#include "schemas/codec.h"
#include "schemas/ids.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

constexpr std::size_t kPrintedAtOnce = 64 * 1024;
constexpr std::chrono::milliseconds kPoll{100};

class LogRead final : public Command {
 public:
  bool is_local() const override { return true; }
  Page page() override;
  int run(Session& session) override;

 private:
  void print(Session& session, const std::string& text);
  Result<void> add_ranges(LogSource& log, LogMerge& records) const;
  Result<void> show(Session& session, LogMerge& records);
  Result<void> follow(Session& session, LogMerge& records);
  bool wanted(const LogRecord& record) const;

  std::string range_ = "start";
  std::optional<std::uint32_t> partition_;
  std::optional<std::string> of_;
  bool follow_ = false;
  bool begun_ = false;
  KafkaAccess kafka_;
  schemas::JsonCodec codec_;
  Interrupt interrupt_;
};

Page LogRead::page() {
  Page page{
      .summary = "show the events in the log",
      .synopsis = {"[RANGE] [OPTION...]"},
      .description =
          "Prints the records of RANGE in order, one per line; with --json one JSON object per line, the event "
          "decoded. "
          "What is no event is shown too, as quarantined. Reads the log's files, the daemon may run or not; with "
          "--kafka the topic CLUSTER.events.\n\n"
          "RANGE is A, A:B or :B; without B it goes to the end, and B itself is not shown. A and B are one of\n"
          "  start, end   the first record; behind the last one\n"
          "  N            offset N\n"
          "  -N           N records before the end\n"
          "  +N           N records behind the start, or in B behind A\n"
          "  @TIME        the first record not older than TIME: 2024-05-01,\n"
          "               2024-05-01T12:00:00Z, seconds or milliseconds since 1970,\n"
          "               or -90s, -5m, -2h, -1d for a time ago\n\n"
          "RANGE is taken in each partition on its own: -10 is the last ten of each. Records of several partitions are "
          "shown in the order of their times, those of one partition always in the order of the log.",
      .operands = {{"RANGE", "Which records. Default: start, which is all of them.", &range_, false}},
      .options = {{"--partition", "P", "Only this partition. Default: all of them.", &partition_},
                  {"--of", "TENANT[/SERVICE]", "Only events of this tenant or service.", &of_},
                  {"-f,--follow", "", "Go on with what is written from now on, until Ctrl-C.", &follow_}},
      .examples = {{"The last ten", "solo log read -10"},
                   {"Ten from offset 100 on", "solo log read 100:+10"},
                   {"The last hour of one service, for a program", "solo log read @-1h --of acme/web --json"},
                   {"What happens from now on", "solo log read end --follow"},
                   {"Position 2:15 of a log in Kafka", "solo log read 15:+1 --partition 2 --kafka 10.0.0.1:9092"}}};
  for (auto& option : kafka_.options()) page.options.push_back(std::move(option));
  return page;
}

/// The range in each partition that was asked for. Where it begins behind one's end, that one has none of it; only if
/// all of them have none is that an error.
Result<void> LogRead::add_ranges(LogSource& log, LogMerge& records) const {
  const auto parsed = parse_log_range(range_, producers::SystemClock().wall_us());
  if (!parsed) return fail(parsed.error());
  const std::int32_t partitions = log.partitions();
  if (partition_ && *partition_ >= static_cast<std::uint32_t>(partitions)) {
    return fail(ErrorCode::not_found, fmt::format("the log has no partition {}, it has {}", *partition_, partitions),
                "solo log bounds tells what there is");
  }
  std::optional<schemas::Error> nothing;
  bool any = false;
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    if (partition_ && *partition_ != static_cast<std::uint32_t>(partition)) continue;
    const auto bounds = log.bounds(partition);
    if (!bounds) return fail(bounds.error());
    const auto range =
        resolve(*parsed, bounds->first, bounds->end, [&](std::int64_t time) { return log.offset_at(partition, time); });
    if (!range && range.error().code != ErrorCode::not_found) return fail(range.error());
    any = any || range;
    if (!range && !nothing) nothing = range.error();
    // What is written later is behind the end, too.
    records.add(partition, range ? *range : OffsetRange{bounds->end, bounds->end});
  }
  if (!any && nothing) return fail(*nothing);
  return {};
}

bool LogRead::wanted(const LogRecord& record) const {
  if (!of_) return true;
  const auto event = schemas::decode_event(record.value);
  const std::string tenant = event ? event->tenant : record.key;
  return *of_ == tenant || (event && *of_ == tenant + '/' + event->service);
}

/// The head of the table in front of its first line.
void LogRead::print(Session& session, const std::string& text) {
  session.print(begun_ || session.json() ? text : record_header() + text);
  begun_ = true;
}

/// Everything that can be read now.
Result<void> LogRead::show(Session& session, LogMerge& records) {
  std::string text;
  std::optional<schemas::Error> error;
  while (!interrupt_.came() && !session.output_broken()) {
    auto record = records.next();
    if (!record) {
      error = record.error();
      if (error->code == ErrorCode::data_loss && error->hint.empty()) {
        const auto behind = records.behind_damage();
        error->hint = behind ? fmt::format("what is behind it: solo log read {}", *behind)
                             : std::string("nothing behind it can be read");
        if (behind && records.count() > 1) error->hint += fmt::format(" --partition {}", records.at().partition);
      }
      break;
    }
    if (!*record) break;
    if (wanted(**record)) text += session.json() ? record_json(**record, codec_) + '\n' : record_line(**record);
    if (text.size() < kPrintedAtOnce) continue;
    print(session, text);
    text.clear();
  }
  if (!text.empty()) print(session, text);
  if (error) return fail(*std::move(error));
  return {};
}

Result<void> LogRead::follow(Session& session, LogMerge& records) {
  while (!interrupt_.came(kPoll) && !session.output_broken()) {
    if (auto more = records.extend(); !more) return more;
    if (auto shown = show(session, records); !shown) return shown;
  }
  return {};
}

/// What no record can be of is a mistake.
Result<void> check_of(const std::string& of) {
  const auto slash = of.find('/');
  if (auto tenant = schemas::TenantKind::check(of.substr(0, slash)); !tenant) return tenant;
  return slash == std::string::npos ? Result<void>() : schemas::ServiceKind::check(of.substr(slash + 1));
}

int LogRead::run(Session& session) {
  if (of_) {
    if (auto named = check_of(*of_); !named) {
      return session.fail({ErrorCode::invalid_argument, "--of: " + named.error().message, named.error().hint});
    }
  }
  auto log = open_log_source(session, kafka_);
  if (!log) return session.fail(log.error());
  if (follow_ && (*log)->live() == false) {
    return session.fail({ErrorCode::failed_precondition, "no daemon is running: nothing will be written",
                         "leave --follow out, or start solod first"});
  }
  LogMerge records(**log);
  if (auto added = add_ranges(**log, records); !added) return session.fail(added.error());
  if (follow_) print(session, "");
  auto shown = show(session, records);
  if (shown && follow_) shown = follow(session, records);
  if (!shown) return session.fail(shown.error());
  if (!begun_ && !session.json() && !interrupt_.came()) {
    session.note(of_ ? fmt::format("no record of {} in this range", *of_) : "no record in this range");
  }
  return interrupt_.came() && !follow_ ? kInterrupted : static_cast<int>(kDone);
}

}  // namespace

std::unique_ptr<Command> make_log_read() { return std::make_unique<LogRead>(); }

}  // namespace solo::ops

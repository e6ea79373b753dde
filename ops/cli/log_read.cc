// solo log read
#include <fmt/format.h>

#include <algorithm>

#include "ops/cli/command.h"
#include "ops/cli/event_text.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/log_access.h"
#include "ops/cli/log_range.h"
#include "producers/clock.h"
#include "schemas/codec.h"

namespace solo::ops {
namespace {

using producers::LogInspector;
using schemas::ErrorCode;
using schemas::Result;

constexpr std::size_t kRecordsAtOnce = 1000;
constexpr std::chrono::milliseconds kPoll{100};

class LogRead final : public Command {
 public:
  bool is_local() const override { return true; }
  Page page() override;
  int run(Session& session) override;

 private:
  void print(Session& session, const std::string& text);
  Result<OffsetRange> range(LogInspector& log) const;
  Result<void> show(Session& session, LogInspector& log, OffsetRange& range);
  Result<void> follow(Session& session, LogInspector& log, std::int64_t from);
  bool wanted(const schemas::LogRecord& record) const;

  std::string range_ = "start";
  std::optional<std::string> of_;
  bool follow_ = false;
  bool begun_ = false;
  schemas::JsonCodec codec_;
  Interrupt interrupt_;
};

Page LogRead::page() {
  return {.summary = "show the events in the log",
          .synopsis = {"[RANGE] [OPTION...]"},
          .description =
              "Prints the records of RANGE in order, one per line; with --json one JSON object per line, the event "
              "decoded. "
              "What is no event is shown too, as quarantined. Reads the log's files: the daemon may run or not.\n\n"
              "RANGE is A, A:B or :B; without B it goes to the end, and B itself is not shown. A and B are one of\n"
              "  start, end   the first record; behind the last one\n"
              "  N            offset N\n"
              "  -N           N records before the end\n"
              "  +N           N records behind the start, or in B behind A\n"
              "  @TIME        the first record not older than TIME: 2024-05-01,\n"
              "               2024-05-01T12:00:00Z, seconds or milliseconds since 1970,\n"
              "               or -90s, -5m, -2h, -1d for a time ago",
          .operands = {{"RANGE", "Which records. Default: start, which is all of them.", &range_, false}},
          .options = {{"--of", "TENANT[/SERVICE]", "Only events of this tenant or service.", &of_},
                      {"-f,--follow", "", "Go on with what is written from now on, until Ctrl-C.", &follow_}},
          .examples = {{"The last ten", "solo log read -10"},
                       {"Ten from offset 100 on", "solo log read 100:+10"},
                       {"The last hour of one service, for a program", "solo log read @-1h --of acme/web --json"},
                       {"What happens from now on", "solo log read end --follow"}}};
}

Result<OffsetRange> LogRead::range(LogInspector& log) const {
  const auto parsed = parse_log_range(range_, producers::SystemClock().wall_us());
  if (!parsed) return schemas::fail(parsed.error());
  const auto bounds = log.bounds();
  if (!bounds) return schemas::fail(bounds.error());
  // Times are set by whoever wrote a record and may go back: the first record that is not older is looked for.
  const auto at_time = [&](std::int64_t time) -> Result<std::int64_t> {
    for (std::int64_t offset = bounds->first; offset < bounds->end;) {
      const auto records = log.read(offset, kRecordsAtOnce);
      if (!records) return schemas::fail(records.error());
      if (records->empty()) break;
      for (const auto& record : *records) {
        if (record.timestamp >= time) return record.position.offset;
      }
      offset = records->back().position.offset + 1;
    }
    return bounds->end;
  };
  return resolve(*parsed, bounds->first, bounds->end, at_time);
}

bool LogRead::wanted(const schemas::LogRecord& record) const {
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

/// Moves range.from on as far as it has come.
Result<void> LogRead::show(Session& session, LogInspector& log, OffsetRange& range) {
  while (range.from < range.to && !interrupt_.came() && !session.output_broken()) {
    const auto left = static_cast<std::size_t>(range.to - range.from);
    const auto records = log.read(range.from, std::min(left, kRecordsAtOnce));
    if (!records) {
      schemas::Error error = records.error();
      if (error.code == ErrorCode::data_loss && error.hint.empty()) {
        error.hint = fmt::format("what is behind it: solo log read {}", range.from + 1);
      }
      return schemas::fail(std::move(error));
    }
    if (records->empty()) return {};
    std::string text;
    for (const auto& record : *records) {
      if (!wanted(record)) continue;
      text += session.json() ? record_json(record, codec_) + '\n' : record_line(record);
    }
    if (!text.empty()) print(session, text);
    range.from = records->back().position.offset + 1;
  }
  return {};
}

Result<void> LogRead::follow(Session& session, LogInspector& log, std::int64_t from) {
  OffsetRange range{from, from};
  while (!interrupt_.came(kPoll) && !session.output_broken()) {
    const auto bounds = log.bounds();
    if (!bounds) return schemas::fail(bounds.error());
    range.to = std::max(range.from, bounds->end);
    if (auto shown = show(session, log, range); !shown) return shown;
  }
  return {};
}

int LogRead::run(Session& session) {
  auto log = open_log(session);
  if (!log) return session.fail(log.error());
  if (follow_ && !(*log)->live()) {
    return session.fail({ErrorCode::failed_precondition, "no daemon is running: nothing will be written",
                         "leave --follow out, or start solod first"});
  }
  auto range = this->range(**log);
  if (!range) return session.fail(range.error());
  if (follow_) print(session, "");
  auto shown = show(session, **log, *range);
  if (shown && follow_) shown = follow(session, **log, range->from);
  if (!shown) return session.fail(shown.error());
  if (!begun_ && !session.json() && !interrupt_.came()) {
    session.note(of_ ? fmt::format("no record of {} in this range", *of_) : "no record in this range");
  }
  return interrupt_.came() && !follow_ ? kInterrupted : static_cast<int>(kDone);
}

}  // namespace

std::unique_ptr<Command> make_log_read() { return std::make_unique<LogRead>(); }

}  // namespace solo::ops

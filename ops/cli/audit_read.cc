// solo audit read
#include <fmt/format.h>

#include "ops/cli/command.h"
#include "ops/cli/event_text.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/kafka_access.h"
#include "ops/cli/log_range.h"
#include "ops/cli/service_request.h"
#include "producers/audit_source.h"
#include "producers/clock.h"
#include "schemas/codec.h"
#include "schemas/token.h"

namespace solo::ops {
namespace {

using producers::AuditSource;
using producers::Bounds;
using schemas::ErrorCode;
using schemas::LogRecord;
using schemas::Result;

constexpr std::int64_t kRecordsAtOnce = 1'000;
constexpr std::chrono::milliseconds kAnswer{10'000};

/// What the daemon tells of it: the tenant's part.
class DaemonSource final : public AuditSource {
 public:
  DaemonSource(Session& session, v1::RequestT request, std::string accessor)
      : session_(session), request_(std::move(request)), accessor_(std::move(accessor)) {}

  Result<Bounds> bounds() override {
    const auto page = ask({}, 1);
    if (!page) return schemas::fail(page.error());
    const auto first = schemas::parse_position(page->first);
    const auto end = schemas::parse_position(page->end);
    if (!first || !end) return schemas::fail(ErrorCode::internal, "the daemon sent no bounds of the audit");
    return Bounds{first->offset, end->offset};
  }

  Result<std::vector<LogRecord>> read(std::int64_t from, std::int64_t to) override {
    std::vector<LogRecord> records;
    while (records.empty() && from < to) {
      auto page = ask(to_string(schemas::Position{0, from}), std::min(to - from, kRecordsAtOnce));
      if (!page) return schemas::fail(page.error());
      for (const auto& shown : page->records) {
        const auto position = schemas::parse_position(shown->position);
        if (!position || !shown->event) return schemas::fail(ErrorCode::internal, "the daemon sent no record");
        if (position->offset >= to) return records;
        records.push_back({*position, shown->event->time, shown->event->tenant, schemas::encode(*shown->event)});
      }
      const auto next = schemas::parse_position(page->next);
      from = next && next->offset > from ? next->offset : to;
    }
    return records;
  }

 private:
  Result<v1::AuditPageT> ask(const std::string& from, std::int64_t limit) {
    v1::AuditT wanted;
    wanted.from = from;
    wanted.accessor = accessor_;
    wanted.limit = static_cast<std::uint32_t>(limit);
    request_.body.Set(std::move(wanted));
    auto reply = session_.call(request_);
    if (!reply) return schemas::fail(reply.error());
    if (reply->error) {
      return schemas::fail(static_cast<ErrorCode>(reply->error->code), reply->error->message, reply->error->hint,
                           reply->error->retryable);
    }
    auto* page = reply->body.AsAuditPage();
    if (page == nullptr) return schemas::fail(ErrorCode::internal, "the daemon sent no audit");
    return std::move(*page);
  }

  Session& session_;
  v1::RequestT request_;
  const std::string accessor_;
};

class AuditRead final : public Command {
 public:
  Page page() override;
  int run(Session& session) override;

 private:
  Result<std::unique_ptr<AuditSource>> open(Session& session) const;
  Result<OffsetRange> range(AuditSource& source) const;
  bool wanted(const LogRecord& record) const;
  Result<void> show(Session& session, AuditSource& source, OffsetRange range);

  std::string range_ = "start";
  std::optional<std::string> accessor_;
  bool all_tenants_ = false;
  bool offline_ = false;
  KafkaAccess access_;
  RequestOptions request_;
  Interrupt interrupt_;
  schemas::JsonCodec codec_;
  bool begun_ = false;
};

Page AuditRead::page() {
  auto access_options = access_.options();
  auto request_options = request_.for_read();
  Page page{
      .summary = "show who used and misused tokens",
      .synopsis = {"[RANGE] [OPTION...]", "--offline [RANGE] [--state-dir DIR | --kafka HOST:PORT]"},
      .description =
          "CapabilityVerified tells how often a token was used for something within one minute, CapabilityDenied "
          "that it was turned away, and why. Tokens are named by their accessors. The daemon shows a tenant what "
          "was asked about it, by whatever token; that needs the permission audit. What was asked about nobody or "
          "every tenant is tenant system's. Records of the last second may still be on their way; the counts of a "
          "minute come when it is over. Old records go: audit.retention_days, or the topic's retention.\n\n"
          "With --offline all of the audit is read where it is kept, without a token and whether or not a daemon "
          "runs: in the state directory, by the daemon's user, or in Kafka's topic CLUSTER.audit, by whom Kafka "
          "lets read it (--kafka).\n\n"
          "RANGE is as of `solo log read`: A, A:B or :B, of start, end, N, -N, +N, @TIME, @-1h; it counts all "
          "records, whosever they are.",
      .operands = {{"RANGE", "Which records. Default: start, which is all of them.", &range_, false}},
      .options = {{"--accessor", "ACCESSOR", "Only what is about this token.", &accessor_},
                  {"--all-tenants", "", "What was asked about any tenant, and about none.", &all_tenants_},
                  {"--offline", "", "Read it where it is kept.", &offline_}},
      .examples = {{"The last hour", "solo audit read @-1h --tenant acme"},
                   {"All of one token, for a program", "solo audit read --accessor ACCESSOR --json"},
                   {"After the daemon has stopped", "solo audit read --offline -100"}}};
  for (auto* more : {&access_options, &request_options}) {
    for (auto& option : *more) page.options.push_back(std::move(option));
  }
  return page;
}

Result<std::unique_ptr<AuditSource>> AuditRead::open(Session& session) const {
  // Somebody may have pasted a secret: it is not sent anywhere.
  if (accessor_) {
    if (auto good = schemas::check_accessor(*accessor_); !good) return schemas::fail(good.error());
  }
  if (offline_ || access_.on_command_line()) {
    if (!access_.named()) return producers::audit_in_files(std::filesystem::path(session.state_dir()) / "audit");
    const auto kafka = access_.kafka();
    if (!kafka) return schemas::fail(kafka.error());
    return producers::audit_in_topic(*kafka, kAnswer);
  }
  if (all_tenants_ && session.tenant_on_command_line()) {
    return schemas::fail(ErrorCode::invalid_argument, "--tenant and --all-tenants exclude each other");
  }
  v1::RequestT request;
  if (auto applied = request_.apply(session, request, all_tenants_); !applied) return schemas::fail(applied.error());
  return std::make_unique<DaemonSource>(session, std::move(request), accessor_.value_or(""));
}

Result<OffsetRange> AuditRead::range(AuditSource& source) const {
  const auto parsed = parse_log_range(range_, producers::SystemClock().wall_us());
  if (!parsed) return schemas::fail(parsed.error());
  const auto bounds = source.bounds();
  if (!bounds) return schemas::fail(bounds.error());
  const auto at_time = [&](std::int64_t time) -> Result<std::int64_t> {
    for (std::int64_t offset = bounds->first; offset < bounds->end;) {
      const auto records = source.read(offset, bounds->end);
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

bool AuditRead::wanted(const LogRecord& record) const {
  if (!accessor_) return true;
  const auto event = schemas::decode_event(record.value);
  if (!event) return false;
  if (const auto* verified = event->payload.AsCapabilityVerified()) return verified->accessor == *accessor_;
  if (const auto* denied = event->payload.AsCapabilityDenied()) return denied->accessor == *accessor_;
  return false;
}

Result<void> AuditRead::show(Session& session, AuditSource& source, OffsetRange range) {
  while (range.from < range.to && !interrupt_.came() && !session.output_broken()) {
    const auto records = source.read(range.from, range.to);
    if (!records) return schemas::fail(records.error());
    if (records->empty()) return {};
    std::string text;
    for (const auto& record : *records) {
      if (wanted(record)) text += session.json() ? record_json(record, codec_) + '\n' : record_line(record);
    }
    if (!text.empty()) session.print(begun_ || session.json() ? text : record_header() + text);
    begun_ = begun_ || !text.empty();
    range.from = records->back().position.offset + 1;
  }
  return {};
}

int AuditRead::run(Session& session) {
  auto source = open(session);
  if (!source) return session.fail(source.error());
  const auto range = this->range(**source);
  if (!range) return session.fail(range.error());
  if (auto shown = show(session, **source, *range); !shown) return session.fail(shown.error());
  if (!begun_ && !session.json()) session.note("no record in this range");
  return interrupt_.came() ? kInterrupted : static_cast<int>(kDone);
}

}  // namespace

std::unique_ptr<Command> make_audit_read() { return std::make_unique<AuditRead>(); }

}  // namespace solo::ops

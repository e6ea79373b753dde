#include "producers/gateway_queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "producers/bookmark.h"
#include "producers/gateway_replies.h"
#include "projections/service_state.h"
#include "schemas/service_glob.h"
#include "schemas/text.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using schemas::ServiceKey;
using schemas::TenantName;

constexpr std::string_view kEveryTenant = "*";
constexpr std::size_t kMaxListed = 1000;
/// A page ends here even if more were asked for: a reply is bounded, whatever the services' details say.
constexpr std::size_t kMaxPageBytes = 512 * 1024;
constexpr std::size_t kReadAtOnce = 64;
/// Dead letters looked at for one request, whosever they are: the gateway has others to answer.
constexpr std::size_t kMaxLookedAt = 2000;
constexpr std::uint32_t kDefaultTail = 64 * 1024;
constexpr std::uint32_t kMaxTail = 512 * 1024;

std::size_t size_of(const v1::ServiceStatusT& status) {
  constexpr std::size_t kFixed = 256;
  return kFixed + status.reason.size() + status.detail.size();
}

std::size_t size_of(const v1::DeadLetterT& letter) {
  constexpr std::size_t kFixed = 128;
  return kFixed + letter.message.size() + letter.key.size() + letter.id.size() + letter.source.size() +
         letter.tenant.size();
}

bool is_of(const v1::DeadLetterT& letter, const std::string& tenant) {
  return letter.key == tenant && (letter.tenant.empty() || letter.tenant == tenant);
}

Result<schemas::Position> parse_from(const std::string& text, std::int32_t partitions) {
  if (text.empty()) return schemas::Position();
  auto from = schemas::parse_position(text);
  if (!from) return schemas::fail_with("from", from.error());
  if (from->partition < partitions) return from;
  return fail(ErrorCode::invalid_argument,
              fmt::format("from: the log has no partition {}, it has {}", from->partition, partitions),
              "send back what the last answer said in `next`, or leave it out to begin at the front");
}

ServiceKey key_of(const v1::RequestT& request, const std::string& service) {
  return {TenantName::trusted(request.tenant), schemas::ServiceName::trusted(service)};
}

}  // namespace

Result<v1::ReplyBodyUnion> GatewayQueries::answer(const v1::RequestT& request,
                                                  const projections::Capability& capability) const {
  switch (request.body.type) {
    case v1::Command::Status:
      return as_body(status(key_of(request, request.body.AsStatus()->service)));
    case v1::Command::List:
      return as_body(list(request.tenant, *request.body.AsList(), capability.services));
    case v1::Command::Logs:
      return as_body(logs(key_of(request, request.body.AsLogs()->service), *request.body.AsLogs()));
    case v1::Command::Recovery:
      return as_body(recovery(request.tenant));
    case v1::Command::DeadLetters:
      return as_body(dead_letters(request.tenant, *request.body.AsDeadLetters()));
    case v1::Command::TokenList:
      return as_body(token_list(request.tenant, *request.body.AsTokenList(), capability));
    case v1::Command::TokenInspect:
      return as_body(inspect(request.tenant, request.body.AsTokenInspect()->accessor, capability));
    default:
      return fail(ErrorCode::unimplemented,
                  fmt::format("this daemon does not answer {}", v1::EnumNameCommand(request.body.type)),
                  "see `solo version`: a newer daemon may");
  }
}

Result<v1::ServiceStatusT> GatewayQueries::status(const ServiceKey& key) const {
  auto record = views_.of(key.tenant).service(key);
  if (!record) return fail(std::move(record).error());
  if (!record->has_value()) return fail(no_such_service(key));
  return projections::to_status(**record);
}

Result<v1::ServiceListT> GatewayQueries::list(const std::string& tenant, const v1::ListT& list,
                                              const std::string& services) const {
  const auto mark = parse_bookmark(list.next, views_.partitions());
  if (!mark) return fail(mark.error());
  projections::ServiceQuery query;
  query.prefix = list.prefix;
  query.include_killed = list.all;
  std::int32_t partition = mark->partition;
  std::int32_t last = views_.partitions() - 1;
  if (tenant != kEveryTenant) {
    query.tenant = TenantName::trusted(tenant);
    partition = last = views_.of(*query.tenant).partition();
  }
  query.from = mark->from;
  const std::size_t limit = list.limit == 0 ? kMaxListed : std::min<std::size_t>(list.limit, kMaxListed);
  v1::ServiceListT listed;
  std::size_t bytes = 0;
  for (; partition <= last; ++partition, query.from.clear()) {
    for (bool more = true; more;) {
      if (listed.services.size() >= limit || bytes >= kMaxPageBytes) {
        listed.next = to_string({partition, query.from});
        return listed;
      }
      query.limit = std::min(kReadAtOnce, limit - listed.services.size());
      auto page = views_.partition(partition).services(query);
      if (!page) return fail(std::move(page).error());
      for (const auto& record : page->services) {
        if (!schemas::glob_matches(services, record.service)) continue;
        auto& status = listed.services.emplace_back(projections::to_status(record));
        bytes += size_of(*status);
      }
      query.from = std::move(page->next);
      more = !query.from.empty();
    }
  }
  return listed;
}

Result<v1::ServiceOutputT> GatewayQueries::logs(const ServiceKey& key, const v1::LogsT& logs) const {
  auto record = views_.of(key.tenant).service(key);
  if (!record) return fail(std::move(record).error());
  if (!record->has_value()) return fail(no_such_service(key));
  auto output = host_.output(key, std::min(logs.tail == 0 ? kDefaultTail : logs.tail, kMaxTail));
  if (!output) return fail(std::move(output).error());
  v1::ServiceOutputT answer;
  answer.text = schemas::to_utf8(output->text);
  answer.truncated = output->truncated;
  return answer;
}

Result<v1::RecoveryReportT> GatewayQueries::recovery(const std::string& tenant) const {
  auto recovery = views_.of(TenantName::trusted(std::string(schemas::kSystemTenant))).last_recovery();
  if (!recovery) return fail(std::move(recovery).error());
  if (!recovery->has_value() || !(**recovery).report) {
    return fail(ErrorCode::not_found, "no recovery is on record yet",
                "ask again when `solo health` no longer says recovering");
  }
  v1::RecoveryReportT report = std::move(*(**recovery).report);
  if (tenant != kEveryTenant && tenant != schemas::kSystemTenant) {
    std::erase_if(report.failures, [&](const auto& failure) { return failure->tenant != tenant; });
  }
  return report;
}

Result<v1::DeadLetterListT> GatewayQueries::dead_letters(const std::string& tenant,
                                                         const v1::DeadLettersT& asked) const {
  auto at = parse_from(asked.from, views_.partitions());
  if (!at) return fail(at.error());
  const std::size_t limit = asked.limit == 0 ? kMaxListed : std::min<std::size_t>(asked.limit, kMaxListed);
  v1::DeadLetterListT list;
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  while (at->partition < views_.partitions()) {
    auto page = views_.partition(at->partition).dead_letters(at->offset, kReadAtOnce);
    if (!page) return fail(std::move(page).error());
    for (auto& letter : *page) {
      if (list.letters.size() == limit || bytes >= kMaxPageBytes || looked_at == kMaxLookedAt) {
        list.next = letter.position;
        return list;
      }
      ++looked_at;
      if (const auto position = schemas::parse_position(letter.position)) at->offset = position->offset + 1;
      if (tenant != kEveryTenant && !is_of(letter, tenant)) continue;
      bytes += size_of(letter);
      list.letters.emplace_back(std::move(letter));
    }
    if (page->empty()) *at = {at->partition + 1, 0};
  }
  return list;
}

}  // namespace solo::producers

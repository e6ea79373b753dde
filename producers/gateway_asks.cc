// Requests that the runtime, the verifier or the audit answers, on a thread of its own and when it is ready.
#include <algorithm>
#include <utility>

#include "producers/gateway_core.h"
#include "producers/gateway_replies.h"
#include "schemas/token.h"

namespace solo::producers {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

constexpr std::string_view kEveryTenant = "*";
constexpr std::uint32_t kMaxListed = 1000;

tl::unexpected<schemas::Error> not_here(const char* what) {
  return fail(ErrorCode::unimplemented, std::string("this daemon has no ") + what);
}

}  // namespace

void GatewayCore::ask(ReturnPath path, const v1::RequestT& request, const projections::Capability& capability) {
  if (stopping_) return send_(path, error_reply(request.id, shutting_down(*stopping_)));
  PendingRequest& pending = open_request(std::move(path), request, {}, share_of(capability));
  pending.asked = true;
  switch (request.body.type) {
    case v1::Command::Inventory:
      return ask_inventory(pending, request);
    case v1::Command::Repair:
      return ask_repair(pending, request);
    case v1::Command::Audit:
      return ask_audit(pending, request);
    default:
      return ask_verification(pending, request);
  }
}

void GatewayCore::ask_inventory(PendingRequest& pending, const v1::RequestT& request) {
  const auto number = pending.number;
  if (machine_.runtime == nullptr) return inbox_->answered(number, not_here("runtime"));
  // Whoever asks has seen no more of the views than these have now, or has said so by `after`.
  machine_.runtime->inventory(views_.applied(), pending.deadline,
                              [inbox = inbox_, number, tenant = request.tenant](Result<v1::InventoryReportT> report) {
                                if (report && tenant != kEveryTenant) {
                                  report->compilers.clear();
                                  std::erase_if(report->services,
                                                [&](const auto& entry) { return entry->tenant != tenant; });
                                }
                                inbox->answered(number, as_body(std::move(report)));
                              });
}

void GatewayCore::ask_repair(PendingRequest& pending, const v1::RequestT& request) {
  const auto number = pending.number;
  if (machine_.runtime == nullptr) return inbox_->answered(number, not_here("runtime"));
  const v1::RepairT& repair = *request.body.AsRepair();
  pending.service =
      schemas::ServiceKey{schemas::TenantName::trusted(request.tenant), schemas::ServiceName::trusted(repair.service)};
  machine_.runtime->repair(*pending.service, repair, [inbox = inbox_, number](const Result<void>& done) {
    // The body, the service's status, is added when the answer is sent.
    inbox->answered(number, done ? Result<v1::ReplyBodyUnion>(v1::ReplyBodyUnion{}) : fail(done.error()));
  });
}

void GatewayCore::ask_verification(PendingRequest& pending, const v1::RequestT& request) {
  const auto number = pending.number;
  if (machine_.verifier == nullptr) return inbox_->answered(number, not_here("verifier"));
  const v1::VerificationT& wanted = *request.body.AsVerify();
  machine_.verifier->verify({request.tenant, wanted.fix, wanted.dry_run, wanted.rebuild, pending.deadline},
                            [inbox = inbox_, number](Result<v1::VerificationReportT> report) {
                              inbox->answered(number, as_body(std::move(report)));
                            });
}

void GatewayCore::ask_audit(PendingRequest& pending, const v1::RequestT& request) {
  const auto number = pending.number;
  if (machine_.audit == nullptr) return inbox_->answered(number, not_here("audit"));
  const v1::AuditT& wanted = *request.body.AsAudit();
  if (!wanted.accessor.empty()) {
    if (auto good = schemas::check_accessor(wanted.accessor); !good)
      return inbox_->answered(number, fail(good.error()));
  }
  AuditOrder order{.tenant = request.tenant, .accessor = wanted.accessor};
  order.limit = wanted.limit == 0 ? kMaxListed : std::min(wanted.limit, kMaxListed);
  if (!wanted.from.empty()) {
    auto from = schemas::parse_position(wanted.from);
    if (from && from->partition != 0) from = fail(ErrorCode::invalid_argument, "the audit has one partition, 0");
    if (!from) return inbox_->answered(number, schemas::fail_with("from", from.error()));
    order.from = from->offset;
  }
  machine_.audit->read(std::move(order), [inbox = inbox_, number](Result<v1::AuditPageT> page) {
    inbox->answered(number, as_body(std::move(page)));
  });
}

void GatewayCore::on_answered(GatewayInbox::Answer& answered) {
  PendingRequest* request = pending_.request(answered.request);
  // Its time was up.
  if (request == nullptr) return;
  if (!answered.body) return answer(*request, error_reply(request->id, answered.body.error()));
  v1::ReplyT reply = ok_reply(request->id);
  reply.body = std::move(*answered.body);
  answer(*request, std::move(reply), request->service.has_value());
}

}  // namespace solo::producers

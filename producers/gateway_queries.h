// The gateway's reads: status, list, logs, recovery, dead letters, tokens, answered from the views and the ports.
//
// Belongs to the gateway's thread; borrows what it reads from.
#pragma once

#include <string>

#include "producers/clock.h"
#include "producers/ports.h"
#include "projections/token_checker.h"
#include "projections/views.h"
#include "schemas/ids.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

class GatewayQueries {
 public:
  GatewayQueries(const projections::Views& views, projections::TokenChecker& tokens, const Clock& clock, HostPort& host)
      : views_(views), tokens_(tokens), clock_(clock), host_(host) {}

  /// Of a checked request (check_request) that is a read and not Health, and that a token with this capability may
  /// make.
  schemas::Result<v1::ReplyBodyUnion> answer(const v1::RequestT& request,
                                             const projections::Capability& capability) const;

  /// A service as the views have it. not_found: there has never been one.
  schemas::Result<v1::ServiceStatusT> status(const schemas::ServiceKey& key) const;

  /// A token as the views have it now. not_found. Tenant `*`: whoever's it is. An empty accessor stands for all of the
  /// tenant's: what is said is that they are revoked.
  schemas::Result<v1::TokenInfoT> token(const std::string& tenant, const std::string& accessor) const;

 private:
  schemas::Result<v1::TokenInfoT> info_of(const v1::TokenRecordT& record) const;
  schemas::Result<v1::TokenInfoT> inspect(const std::string& tenant, const std::string& accessor,
                                          const projections::Capability& capability) const;
  /// Those that the capability may look at. A page may be short, or empty, and not the last.
  schemas::Result<v1::TokenTableT> token_list(const std::string& tenant, const v1::TokenListT& list,
                                              const projections::Capability& capability) const;
  schemas::Result<bool> may_see(const v1::TokenRecordT& record, const projections::Capability& capability) const;
  schemas::Result<v1::ServiceListT> list(const std::string& tenant, const v1::ListT& list,
                                         const std::string& services) const;
  schemas::Result<v1::ServiceOutputT> logs(const schemas::ServiceKey& key, const v1::LogsT& logs) const;
  schemas::Result<v1::RecoveryReportT> recovery(const std::string& tenant) const;
  /// A tenant's own: those with its key, unless the event in them says that it is another tenant's. They may be in any
  /// partition, since the wrong one is a reason to be there.
  schemas::Result<v1::DeadLetterListT> dead_letters(const std::string& tenant, const v1::DeadLettersT& asked) const;

  const projections::Views& views_;
  projections::TokenChecker& tokens_;
  const Clock& clock_;
  HostPort& host_;
};

}  // namespace solo::producers

// The gateway's reads: status, list, logs, health, recovery, answered from the views and the ports.
//
// Belongs to the gateway's thread; borrows what it reads from.
#pragma once

#include <string>

#include "producers/ports.h"
#include "projections/views.h"
#include "schemas/ids.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

class GatewayQueries {
 public:
  GatewayQueries(const projections::Views& views, HostPort& host) : views_(views), host_(host) {}

  /// Of a checked request (check_request) that is a read and not Health.
  schemas::Result<v1::ReplyBodyUnion> answer(const v1::RequestT& request) const;

  /// A service as the views have it. not_found: there has never been one.
  schemas::Result<v1::ServiceStatusT> status(const schemas::ServiceKey& key) const;

 private:
  schemas::Result<v1::ServiceListT> list(const std::string& tenant, const v1::ListT& list) const;
  schemas::Result<v1::ServiceOutputT> logs(const schemas::ServiceKey& key, const v1::LogsT& logs) const;
  schemas::Result<v1::RecoveryReportT> recovery(const std::string& tenant) const;

  const projections::Views& views_;
  HostPort& host_;
};

}  // namespace solo::producers

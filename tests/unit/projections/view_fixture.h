// Views on a file system in memory: what closing them without a flush loses is lost as in a crash.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <memory>
#include <span>
#include <vector>

#include "projections/views.h"
#include "schemas/ids.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/projections/records.h"

namespace solo::testing {

inline schemas::ServiceKey key_of(std::string_view service, std::string_view tenant = "acme") {
  return {schemas::TenantName::trusted(std::string(tenant)), schemas::ServiceName::trusted(std::string(service))};
}

class ViewDirectory {
 public:
  ViewDirectory() : memory_(rocksdb::NewMemEnv(rocksdb::Env::Default())) {}

  projections::ViewOptions options() const {
    projections::ViewOptions options;
    options.directory = directory_.path();
    options.log_uuid = kLog;
    options.env = memory_.get();
    return options;
  }

  std::unique_ptr<projections::PartitionView> open() const {
    auto view = projections::PartitionView::open(options(), 0);
    if (view) return *std::move(view);
    ADD_FAILURE() << view.error().message;
    return nullptr;
  }

 private:
  TempDir directory_;
  std::unique_ptr<rocksdb::Env> memory_;
};

}  // namespace solo::testing

// A partition whose runtime is claimed, and apply: the fixture of the tests of its rules.
#pragma once

#include <gtest/gtest.h>

#include "projections/apply.h"
#include "projections/service_state.h"
#include "tests/unit/projections/memory_state.h"
#include "tests/unit/projections/records.h"

namespace solo::testing {

class Rules : public ::testing::Test {
 protected:
  Rules() {
    apply(make.genesis());
    apply(make.claim());
  }

  projections::Judgement apply(const schemas::LogRecord& record) {
    auto judged = projections::apply_record(record, 1, kLog, state);
    EXPECT_TRUE(judged) << judged.error().message;
    return judged ? *judged : projections::Judgement{};
  }

  /// The verdict alone.
  projections::Verdict verdict(const schemas::LogRecord& record) { return apply(record).verdict; }

  const v1::ServiceRecordT& service(const std::string& name) { return state.services.at({make.tenant, name}); }
  v1::ServiceState state_of(const std::string& name) { return projections::derive_state(service(name)); }

  /// Deployed and started; its generation.
  std::uint64_t run_service(const std::string& name, DeployOptions options = {}) {
    const std::uint64_t generation = apply(make.deploy(name, options)).generation;
    apply(make.started(name, generation, instance(generation)));
    return generation;
  }

  static std::string instance(std::uint64_t generation) { return "run-a-" + std::to_string(generation); }

  RecordMaker make;
  MemoryState state;
};

}  // namespace solo::testing

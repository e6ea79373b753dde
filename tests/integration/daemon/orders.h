// A daemon and a client that gives it orders, for tests of what an operator may rely on: real processes throughout.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "producers/log_inspection.h"
#include "schemas/codec.h"
#include "tests/support/daemon.h"

namespace solo::testing {

inline v1::SpecT sleeper() { return exec_spec({"/bin/sleep", "1000000"}); }

inline v1::SpecT cxx_spec(std::string source) {
  v1::SpecT spec;
  spec.format = v1::Format::cxx;
  spec.code = std::move(source);
  return spec;
}

/// Says `asked` at SIGTERM, and goes on.
inline v1::SpecT stubborn(std::uint32_t shutdown_timeout_ms) {
  auto spec = script_spec("#!/bin/sh\ntrap 'echo asked' TERM\necho ready\nwhile :; do sleep 0.1; done\n");
  spec.restart_limits.ensure().shutdown_timeout_ms = shutdown_timeout_ms;
  return spec;
}

class Orders : public ::testing::Test {
 protected:
  void start() {
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    connect();
  }
  void connect() { client_ = daemon_.client(); }

  /// The daemon and everything it started, as in a power failure.
  void kill_everything() {
    client_.reset();
    daemon_.kill9();
    while (daemon_.kill_services() > 0) pause_briefly();
  }

  v1::ReplyT call(v1::RequestT request) {
    auto reply = client_->call(std::move(request));
    if (!reply) {
      ADD_FAILURE() << reply.error().message << "\n" << daemon_.log();
      return {};
    }
    return *std::move(reply);
  }

  v1::ReplyT deploy(const std::string& service, v1::SpecT spec, v1::Wait wait = v1::Wait::done) {
    return call(deploy_request({}, "acme", service, std::move(spec), wait));
  }

  v1::ReplyT replace(const std::string& service, v1::SpecT spec, v1::Wait wait = v1::Wait::done) {
    auto request = deploy_request({}, "acme", service, std::move(spec), wait);
    request.body.AsDeploy()->replace = true;
    return call(std::move(request));
  }

  v1::ReplyT restart(const std::string& service) {
    v1::RequestT request;
    request.tenant = "acme";
    request.wait = v1::Wait::done;
    v1::RestartT body;
    body.service = service;
    request.body.Set(std::move(body));
    return call(std::move(request));
  }

  v1::ServiceStatusT status(const std::string& service) {
    v1::RequestT request;
    request.tenant = "acme";
    v1::StatusT body;
    body.service = service;
    request.body.Set(std::move(body));
    const auto reply = call(std::move(request));
    const auto* found = reply.body.AsServiceStatus();
    return found != nullptr ? *found : v1::ServiceStatusT{};
  }

  bool eventually_in(const std::string& service, v1::ServiceState state) {
    return eventually([&] { return status(service).state == state; });
  }

  v1::HealthReportT health() {
    v1::RequestT request;
    request.body.Set(v1::HealthT{});
    const auto reply = call(std::move(request));
    const auto* report = reply.body.AsHealthReport();
    return report != nullptr ? *report : v1::HealthReportT{};
  }

  v1::RecoveryReportT recovery() {
    v1::RequestT request;
    request.tenant = "*";
    request.body.Set(v1::RecoveryT{});
    const auto reply = call(std::move(request));
    const auto* report = reply.body.AsRecoveryReport();
    return report != nullptr ? *report : v1::RecoveryReportT{};
  }

  std::filesystem::path home_of(const std::string& service) const {
    return daemon_.state() / "services" / "acme" / service;
  }

  bool eventually_says(const std::string& service, const std::string& words) {
    return eventually([&] { return read_file(home_of(service) / "output.log").find(words) != std::string::npos; });
  }

  std::vector<pid_t> pids_of(const std::string& service) const {
    std::vector<pid_t> pids;
    for (const auto& process : daemon_.processes()) {
      if (process.service == service) pids.push_back(process.pid);
    }
    return pids;
  }

  /// Each may have descendants.
  std::set<std::string> instances_of(const std::string& service) const {
    std::set<std::string> instances;
    for (const auto& process : daemon_.processes()) {
      if (process.service == service) instances.insert(process.instance);
    }
    return instances;
  }

  /// Waits until a daemon takes commands, well or not.
  bool reaches() {
    return eventually([&] {
      auto client =
          producers::CommandClient::connect({daemon_.endpoint(), std::chrono::milliseconds(500), daemon_.root_token()});
      if (!client) return false;
      client_ = std::move(*client);
      return true;
    });
  }

  /// What takes a compiler's place from the next launch on; it gets `-o PROGRAM SOURCE`.
  std::vector<std::string> with_compiler(const std::string& script) {
    const auto compiler = files_.path() / "compiler";
    std::ofstream(compiler) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(compiler, std::filesystem::perms::owner_all);
    return {"--runtime-compiler", compiler.string()};
  }

  /// Everything in the log, running or stopped.
  std::vector<v1::EventT> events() const {
    std::vector<v1::EventT> all;
    const auto log = producers::LogInspector::open(daemon_.state() / "log");
    if (!log) {
      ADD_FAILURE() << log.error().message;
      return all;
    }
    for (std::int64_t from = 0;;) {
      const auto records = (*log)->read(from, 10'000);
      if (!records || records->empty()) return all;
      for (const auto& record : *records) all.push_back(schemas::decode_event(record.value).value());
      from = records->back().position.offset + 1;
    }
  }

  std::vector<std::string> history(const std::string& service) const {
    std::vector<std::string> types;
    for (const auto& event : events()) {
      if (event.service == service) types.emplace_back(v1::EnumNamePayload(event.payload.type));
    }
    return types;
  }

  TempDir files_;
  Daemon daemon_;
  std::unique_ptr<producers::CommandClient> client_;
};

/// A daemon that gets this has a disk that is never free enough: its log takes nothing.
inline std::vector<std::string> with_a_full_log() {
  return {"--log-min-free-bytes", std::to_string(std::uint64_t{1} << 50)};
}

/// In a compiler's script: the program sleeps, and the compilation is counted in `compilations` beside it.
inline constexpr const char* kCompileToSleep =
    "echo x >> \"$(dirname \"$0\")/compilations\"\n"
    "printf '#!/bin/sh\\nexec sleep 1000000\\n' > \"$2\"\nchmod 755 \"$2\"\n";

}  // namespace solo::testing

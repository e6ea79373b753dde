// Programs made ready (compiled, written, checked), output, and one bad service beside good ones.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "consumers/descriptor.h"
#include "tests/integration/runtime/node.h"

namespace solo::consumers::testing {
namespace {

using v1::RestartPolicy;
using v1::ServiceState;

const std::vector<std::string> kForever = {"sleep", "300"};
constexpr const char* kHello =
    "#include <cstdio>\nint main(int n, char** a) { std::printf(\"hello %s\\n\", n > 1 ? a[1] : \"\"); }\n";

class RuntimeProgramsTest : public RuntimeTest {
 protected:
  // Stands in for the compiler: says so, and takes a while.
  Node::Options with_compiler(const std::string& script, const std::string& run = "run-1") const {
    const auto compiler = path("compiler");
    std::ofstream(compiler) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(compiler, std::filesystem::perms::owner_all);
    auto result = options(run);
    result.runtime.compiler = {compiler.string()};
    return result;
  }
  // In the compiler's script: the program is this one.
  static constexpr const char* kCompileToSleep =
      "echo x >> ../../compilations\nprintf '#!/bin/sh\\nexec sleep 300\\n' > \"$2\"\nchmod 755 \"$2\"\n";
  std::size_t compilations() const { return read_text(path("state") / "compilations").size() / 2; }

  std::vector<std::filesystem::path> artifacts() const {
    std::vector<std::filesystem::path> result;
    for (const auto& entry : std::filesystem::directory_iterator(path("state") / "artifacts")) result.push_back(entry);
    return result;
  }
};

TEST_F(RuntimeProgramsTest, CppIsCompiledAndRun) {
  const auto node = start();
  auto spec = cxx_spec(kHello, RestartPolicy::temporary);
  spec.argv = {"world"};
  node->deploy("hello", spec);
  ASSERT_TRUE(node->becomes("hello", ServiceState::finished, 60s)) << node->record("hello")->detail;
  EXPECT_EQ(node->output("hello"), "hello world\n");
}

TEST_F(RuntimeProgramsTest, TheCompilersWordsTellWhyADeploymentFailed) {
  const auto node = start();
  node->deploy("bad", cxx_spec("int main() { return undefined_thing; }\n"));
  ASSERT_TRUE(node->becomes("bad", ServiceState::failed, 60s));
  EXPECT_EQ(node->record("bad")->reason, "it does not compile");
  EXPECT_NE(node->record("bad")->detail.find("undefined_thing"), std::string::npos);
  EXPECT_TRUE(artifacts().empty());
}

TEST_F(RuntimeProgramsTest, OneCodeIsCompiledOnceForAll) {
  const auto node = start(with_compiler(std::string("sleep 0.2\n") + kCompileToSleep));
  for (const char* service : {"a", "b", "c"}) node->deploy(service, cxx_spec("int main() {}"));
  for (const char* service : {"a", "b", "c"}) EXPECT_TRUE(node->becomes(service, ServiceState::running));
  node->deploy("d", cxx_spec("int main() {}"));
  EXPECT_TRUE(node->becomes("d", ServiceState::running));
  EXPECT_EQ(compilations(), 1);
}

TEST_F(RuntimeProgramsTest, ATornProgramIsCompiledAgain) {
  auto node = start(with_compiler(kCompileToSleep));
  node->deploy("a", cxx_spec("int main() {}"));
  ASSERT_TRUE(node->becomes("a", ServiceState::running));
  ASSERT_EQ(artifacts().size(), 1);
  ASSERT_TRUE(node->shutdown().empty());
  node.reset();
  std::filesystem::resize_file(artifacts()[0] / "program", 3);
  node = start(with_compiler(kCompileToSleep, "run-2"));
  EXPECT_TRUE(node->becomes("a", ServiceState::running));
  EXPECT_EQ(compilations(), 2);
}

TEST_F(RuntimeProgramsTest, AScriptThatWasChangedOnDiskIsWrittenAgain) {
  auto node = start();
  node->deploy("a", script_spec("#!/bin/sh\nexec sleep 300\n"));
  ASSERT_TRUE(node->becomes("a", ServiceState::running));
  ASSERT_EQ(artifacts().size(), 1);
  std::ofstream(artifacts()[0]) << "#!/bin/sh\nexit 1\n";
  const pid_t former = node->pid("a");
  node->restart("a");
  EXPECT_TRUE(node->runs_as_other_than("a", former));
  EXPECT_EQ(read_text(artifacts()[0]), "#!/bin/sh\nexec sleep 300\n");
}

TEST_F(RuntimeProgramsTest, ACompilerThatHangsIsEndedByTheStartupTimeout) {
  const auto node = start(with_compiler("echo thinking\nsleep 300\n"));
  auto spec = cxx_spec("int main() {}");
  // Long enough for its first words, however busy the machine is.
  spec.restart_limits.ensure().startup_timeout_ms = 3'000;
  node->deploy("slow", spec);
  ASSERT_TRUE(node->becomes("slow", ServiceState::failed));
  EXPECT_EQ(node->record("slow")->reason, "compiling took longer than 3000 ms");
  EXPECT_EQ(node->record("slow")->detail, "thinking\n");
  EXPECT_TRUE(found().empty());
}

TEST_F(RuntimeProgramsTest, AKillEndsACompilation) {
  const auto node = start(with_compiler("sleep 300\n"));
  node->deploy("slow", cxx_spec("int main() {}"));
  ASSERT_TRUE(eventually([&] { return !found().empty(); }));
  node->kill("slow");
  EXPECT_TRUE(eventually([&] { return found().empty(); }));
  EXPECT_TRUE(node->shutdown().empty());
}

TEST_F(RuntimeProgramsTest, CompilationsAreBoundedInNumber) {
  auto bounded = with_compiler(std::string("echo $$ >> ../../running\nsleep 0.1\nls -d ../build-* | wc -l >> "
                                           "../../seen\n") +
                               kCompileToSleep);
  bounded.runtime.max_compiles = 2;
  const auto node = start(bounded);
  for (int i = 0; i < 6; ++i) {
    node->deploy("s" + std::to_string(i), cxx_spec("int main() { return " + std::to_string(i) + "; }"));
  }
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(node->becomes("s" + std::to_string(i), ServiceState::running));
  std::ifstream seen(path("state") / "seen");
  for (int count = 0; seen >> count;) EXPECT_LE(count, 2);
}

TEST_F(RuntimeProgramsTest, ProgramsNobodyUsesAreRemovedAtTheNextStart) {
  auto node = start(with_compiler(kCompileToSleep));
  node->deploy("a", cxx_spec("int main() {}"));
  node->deploy("b", script_spec("#!/bin/sh\nexec sleep 300\n"));
  ASSERT_TRUE(node->becomes("a", ServiceState::running));
  ASSERT_TRUE(node->becomes("b", ServiceState::running));
  node->kill("a");
  ASSERT_TRUE(node->becomes("a", ServiceState::killed));
  EXPECT_EQ(artifacts().size(), 2);
  ASSERT_TRUE(node->shutdown().empty());
  node.reset();
  std::filesystem::create_directory(path("state") / "artifacts" / "build-half-1-1");
  node = start(with_compiler(kCompileToSleep, "run-2"));
  EXPECT_TRUE(eventually([&] { return artifacts().size() == 1; }));
  EXPECT_TRUE(node->becomes("b", ServiceState::running));
}

TEST_F(RuntimeProgramsTest, AServiceThatHangsInItsStartHoldsUpNobodyElse) {
  const auto node = start();
  std::filesystem::create_directories(service_path("stuck", "").parent_path());
  make_fifo(service_path("stuck", "output.log"));
  auto spec = exec_spec(kForever);
  spec.restart_limits.ensure().startup_timeout_ms = 8'000;
  node->deploy("stuck", spec);
  for (const char* service : {"a", "b", "c", "d", "e"}) node->deploy(service, exec_spec(kForever));
  for (const char* service : {"a", "b", "c", "d", "e"}) EXPECT_TRUE(node->becomes(service, ServiceState::running));
  EXPECT_EQ(node->state("stuck"), ServiceState::starting) << "none of them waited for its end";
  ASSERT_TRUE(node->becomes("stuck", ServiceState::failed));
  EXPECT_NE(node->record("stuck")->reason.find("not running after 8000 ms"), std::string::npos);
  EXPECT_EQ(count_processes("stuck"), 0);
  // Nor does looking at its output.
  EXPECT_EQ(node->output("stuck"), "");
}

TEST_F(RuntimeProgramsTest, BadServicesOfEveryKindLeaveGoodOnesAlone) {
  const auto node = start();
  node->deploy("good", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("good", ServiceState::running));
  const pid_t pid = node->pid("good");
  node->deploy("missing", exec_spec({"/nowhere"}));
  node->deploy("crashing", exec_spec({"false"}));
  node->deploy("uncompilable", cxx_spec("nonsense"));
  node->deploy("uninterpretable", script_spec("#!/nowhere/sh\n"));
  node->deploy("noisy", script_spec("#!/bin/sh\nwhile :; do echo noise; done\n"));
  node->deploy("deaf", script_spec("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n"));
  EXPECT_TRUE(node->becomes("missing", ServiceState::failed));
  EXPECT_TRUE(node->becomes("crashing", ServiceState::failed));
  EXPECT_TRUE(node->becomes("uncompilable", ServiceState::failed));
  EXPECT_TRUE(node->becomes("uninterpretable", ServiceState::failed));
  node->kill("noisy", 0, true);
  EXPECT_TRUE(node->becomes("noisy", ServiceState::killed));
  EXPECT_EQ(node->pid("good"), pid);
  EXPECT_TRUE(is_running(pid));
}

TEST_F(RuntimeProgramsTest, OutputIsCappedAndTheFormerPartKept) {
  auto capped = options();
  capped.runtime.output_cap = 10'000;
  capped.runtime.output_check = 10ms;
  const auto node = start(capped);
  node->deploy("noisy", script_spec("#!/bin/sh\ni=0\nwhile :; do i=$((i+1)); echo \"line $i\"; sleep 0.0005; done\n"));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(service_path("noisy", "output.log.1")); }));
  ASSERT_TRUE(eventually([&] { return std::filesystem::file_size(service_path("noisy", "output.log.1")) == 10'000; }));
  EXPECT_TRUE(eventually([&] { return std::filesystem::file_size(service_path("noisy", "output.log")) < 10'000; }));
  EXPECT_TRUE(eventually([&] { return node->output("noisy").find("line ") != std::string::npos; }));
}

TEST_F(RuntimeProgramsTest, OutputOfAServiceThatIsGoneIsCappedToo) {
  auto capped = options();
  capped.runtime.output_cap = 10'000;
  const auto node = start(capped);
  node->deploy("job", script_spec("#!/bin/sh\nexec head -c 1000000 /dev/zero\n", RestartPolicy::temporary));
  ASSERT_TRUE(node->becomes("job", ServiceState::finished));
  EXPECT_TRUE(eventually([&] { return std::filesystem::file_size(service_path("job", "output.log")) <= 10'000; }));
  EXPECT_EQ(std::filesystem::file_size(service_path("job", "output.log.1")), 10'000U);
}

TEST_F(RuntimeProgramsTest, TheLastWordsOfWhoWroteMuchAreReadFromTheCopy) {
  auto capped = options();
  capped.runtime.output_cap = 10'000;
  const auto node = start(capped);
  node->deploy("job", script_spec("#!/bin/sh\nhead -c 1000000 /dev/zero\necho 'FATAL: no database'\n",
                                  RestartPolicy::temporary));
  ASSERT_TRUE(node->becomes("job", ServiceState::finished));
  ASSERT_TRUE(eventually([&] { return std::filesystem::file_size(service_path("job", "output.log")) == 0; }));
  const schemas::ServiceKey key{schemas::TenantName::trusted("acme"), schemas::ServiceName::trusted("job")};
  const auto end = node->runtime().output(key, 19);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->text, "FATAL: no database\n");
  EXPECT_TRUE(end->truncated);
  EXPECT_FALSE(node->runtime().output(key, 20'000)->truncated);
}

TEST_F(RuntimeProgramsTest, OutputIsReadFromItsEndAsUtf8) {
  const auto node = start();
  node->deploy("job", script_spec("#!/bin/sh\nprintf 'caf\\303\\251 \\377 end'\n", RestartPolicy::temporary));
  ASSERT_TRUE(node->becomes("job", ServiceState::finished));
  const schemas::ServiceKey key{schemas::TenantName::trusted("acme"), schemas::ServiceName::trusted("job")};
  const auto whole = node->runtime().output(key, 100);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->text, "caf\xc3\xa9 \xef\xbf\xbd end");
  EXPECT_FALSE(whole->truncated);
  // The cut falls into the é.
  const auto end = node->runtime().output(key, 7);
  EXPECT_EQ(end->text, " \xef\xbf\xbd end");
  EXPECT_TRUE(end->truncated);
  const schemas::ServiceKey other{schemas::TenantName::trusted("acme"), schemas::ServiceName::trusted("nobody")};
  EXPECT_EQ(node->runtime().output(other, 100).error().code, schemas::ErrorCode::not_found);
}

TEST_F(RuntimeProgramsTest, DescriptorsOfTheDaemonDoNotReachServices) {
  const Descriptor leaky(::open("/dev/null", O_RDONLY));
  const auto node = start();
  node->deploy("job", script_spec("#!/bin/sh\nexec ls /proc/self/fd\n", RestartPolicy::temporary));
  ASSERT_TRUE(node->becomes("job", ServiceState::finished));
  // 3 is the directory that ls reads.
  EXPECT_EQ(node->output("job"), "0\n1\n2\n3\n");
}

}  // namespace
}  // namespace solo::consumers::testing

#include "consumers/spawn_command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "consumers/descriptor.h"

namespace solo::consumers {

namespace {

using schemas::Error;
using schemas::ErrorCode;

class FileActions {
 public:
  FileActions() { error_ = ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  template <class Function, class... Arguments>
  void add(Function function, Arguments... arguments) {
    if (error_ == 0) error_ = function(&actions_, arguments...);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }
  int error() const { return error_; }

 private:
  posix_spawn_file_actions_t actions_;
  int error_ = 0;
};

class Attributes {
 public:
  Attributes() {
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    error_ = ::posix_spawnattr_init(&attributes_);
    if (error_ == 0) error_ = ::posix_spawnattr_setsigdefault(&attributes_, &all);
    if (error_ == 0) error_ = ::posix_spawnattr_setsigmask(&attributes_, &none);
    const int flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (error_ == 0) error_ = ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }
  int error() const { return error_; }

 private:
  posix_spawnattr_t attributes_;
  int error_ = 0;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

void describe_descriptors(FileActions& actions, const SpawnRequest& request, int lock_descriptor) {
  // First: a child that hangs further down holds nothing of the daemon's but the lock.
  for (int below = 3; below < lock_descriptor; ++below) actions.add(::posix_spawn_file_actions_addclose, below);
  actions.add(::posix_spawn_file_actions_addclosefrom_np, lock_descriptor >= 3 ? lock_descriptor + 1 : 3);
  actions.add(::posix_spawn_file_actions_addopen, 0, "/dev/null", O_RDONLY, mode_t{0});
  actions.add(::posix_spawn_file_actions_addchdir_np, request.directory.c_str());
  actions.add(::posix_spawn_file_actions_addopen, 1, request.output.c_str(), O_WRONLY | O_CREAT | O_APPEND,
              mode_t{0600});
  actions.add(::posix_spawn_file_actions_adddup2, 1, 2);
}

// The program behind `#!`, or nothing.
std::string interpreter_of(const std::string& program) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(program, ignored)) return {};
  std::ifstream file(program, std::ios::binary);
  std::string line;
  if (!std::getline(file, line) || line.compare(0, 2, "#!") != 0) return {};
  const std::size_t start = line.find_first_not_of(" \t", 2);
  if (start == std::string::npos) return {};
  return line.substr(start, line.find_first_of(" \t\r", start) - start);
}

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
      return ErrorCode::permission_denied;
    case ENOEXEC:
    case E2BIG:
    case EISDIR:
    case ELOOP:
    case EINVAL:
    case ENAMETOOLONG:
    case ELIBBAD:
      return ErrorCode::invalid_argument;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::resource_exhausted;
    default:
      return ErrorCode::unavailable;
  }
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Which of the things a start touches is the one that fails; empty: none can be told apart from the others.
std::string culprit(const SpawnRequest& request, int error_number) {
  const std::string& program = request.argv.front();
  if (!is_folder(request.directory)) return "its directory " + request.directory.string() + " is missing";
  if (is_folder(request.output)) return "its output " + request.output.string() + " is a directory";
  if (!is_there(program)) return "program not found";
  const std::string interpreter = interpreter_of(program);
  if (!interpreter.empty() && !is_there(interpreter)) return "its interpreter " + interpreter + " is missing";
  if (error_number == ENOEXEC) return "it is neither a binary for this machine nor a script with a #! line";
  if (is_folder(program)) return "it is a directory";
  if (::access(program.c_str(), X_OK) != 0) return "it is not executable";
  if (error_number == EAGAIN) {
    return "no more processes may be started: the daemon's user or control group is at its limit (ulimit -u, pids.max, "
           "TasksMax= of its unit)";
  }
  return {};
}

}  // namespace

int spawn_command(const SpawnRequest& request, int lock_descriptor, pid_t* pid) {
  FileActions actions;
  describe_descriptors(actions, request, lock_descriptor);
  const Attributes attributes;
  if (actions.error() != 0) return actions.error();
  if (attributes.error() != 0) return attributes.error();
  const std::vector<char*> argv = pointers(request.argv);
  const std::vector<char*> environment = pointers(request.environment);
  return ::posix_spawn(pid, argv[0], actions.get(), attributes.get(), argv.data(), environment.data());
}

Error spawn_error(const SpawnRequest& request, int error_number) {
  const ErrorCode code = code_of(error_number);
  const std::string cause = culprit(request, error_number);
  std::string message = "cannot start " + request.argv.front() + ": ";
  message += cause.empty() ? std::generic_category().message(error_number) : cause;
  const bool retryable = code == ErrorCode::resource_exhausted || code == ErrorCode::unavailable;
  return Error{code, std::move(message), {}, retryable};
}

}  // namespace solo::consumers

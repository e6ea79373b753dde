// STATE/artifacts: scripts and compiled programs, each made once per digest of its code, and checked before it is used:
// one that is torn or changed is made again.
//
//     artifacts/script-DIGEST              the text, executable
//     artifacts/cxx-DIGEST-COMMAND/        COMMAND: hash of the compiler's command line
//         program  sum                     sum: BLAKE2b of program, in hex
//     artifacts/build-...                  half made; removed at the next start
//
// Everything is put in place by a rename after it was synced. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/result.h"

namespace solo::consumers {

class Artifacts {
 public:
  Artifacts(std::filesystem::path state, const std::vector<std::string>& compiler);

  /// The script with this text; written if it is not there as it should be.
  schemas::Result<std::string> script(const std::string& digest, std::string_view text);

  /// The program compiled from the code with this digest, if it is there and sound.
  std::optional<std::string> program(const std::string& digest);

  /// A directory to compile in, with the source as main.cc in it; the result goes to `program` there.
  schemas::Result<std::filesystem::path> begin_build(const std::string& digest, std::string_view source);
  /// Puts a finished build in place. unavailable: the compiler left no program.
  schemas::Result<std::string> finish_build(const std::string& digest, const std::filesystem::path& build);
  void drop_build(const std::filesystem::path& build);

  /// Removes what is neither of one of these digests nor was asked for since the start. Returns how many.
  std::size_t sweep(const std::set<std::string>& digests);

 private:
  /// What a file looked like when its content was last found sound.
  struct Seen {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Seen&) const = default;
  };

  static std::optional<Seen> look(const std::filesystem::path& path);
  bool is_known(const std::filesystem::path& path);
  void remember(const std::filesystem::path& path);
  void use(const std::string& digest);
  schemas::Result<void> make_folder();
  std::filesystem::path program_folder(const std::string& digest) const;

  const std::filesystem::path folder_;
  const std::string command_hash_;
  std::mutex mutex_;
  std::map<std::filesystem::path, Seen> sound_;
  std::set<std::string> used_;
  std::uint64_t builds_ = 0;
};

}  // namespace solo::consumers

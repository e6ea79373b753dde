#include "ops/cli/program_file.h"

#include <gtest/gtest.h>

namespace solo::ops {
namespace {

TEST(ProgramFile, FormatComesFromTheShebangOrTheName) {
  EXPECT_EQ(format_of("run", "#!/bin/sh\n").value(), v1::Format::script);
  EXPECT_EQ(format_of("server.cc", "int main() {}").value(), v1::Format::cxx);
  EXPECT_EQ(format_of("server.cpp", "").value(), v1::Format::cxx);
}

TEST(ProgramFile, AnythingElseIsRefusedWithWordsForWhatItLooksLike) {
  auto elf = format_of("/bin/true", std::string_view("\x7f"
                                                     "ELF\2",
                                                     5));
  ASSERT_FALSE(elf);
  EXPECT_NE(elf.error().hint.find("--exec -- /bin/true"), std::string::npos);
  auto text = format_of("run.sh", "echo hello");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, schemas::ErrorCode::invalid_argument);
  EXPECT_NE(text.error().message.find("no #! line"), std::string::npos);
}

TEST(ProgramFile, UnreadableFilesAreToldApart) {
  EXPECT_EQ(read_program("/nowhere/file").error().code, schemas::ErrorCode::invalid_argument);
  EXPECT_EQ(read_program("/tmp").error().code, schemas::ErrorCode::invalid_argument);
}

TEST(ProgramFile, ProgramWithASlashIsMeantFromHere) {
  EXPECT_EQ(absolute_program("sleep"), "sleep");
  EXPECT_EQ(absolute_program("/bin/sleep"), "/bin/sleep");
  EXPECT_EQ(absolute_program("./x"), (std::filesystem::current_path() / "x").string());
}

}  // namespace
}  // namespace solo::ops

// The command as a shell sees it: exit codes, what goes to stdout and stderr.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "loaders/source/json.h"
#include "loaders/source/npz.h"

namespace thaw {
namespace {

const std::string kDemo = THAW_SOURCE_DIR "/demo/models/";

struct Result {
  int code = -1;
  std::string out, err;
};

std::string temporary(const std::string& name) {
  return ::testing::TempDir() + "thaw_cli_" + std::to_string(::getpid()) + "_" + name;
}

Result thaw(const std::string& arguments) {
  const std::string err = temporary("stderr");
  std::FILE* pipe = popen((std::string(THAW_COMMAND) + " " + arguments + " 2>" + err).c_str(), "r");
  Result result;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    result.out.append(buffer, n);
  result.code = WEXITSTATUS(pclose(pipe));
  std::ifstream in(err);
  result.err.assign(std::istreambuf_iterator<char>(in), {});
  return result;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Command, HelpNamesEverySubcommand) {
  const Result help = thaw("--help");
  EXPECT_EQ(help.code, 0);
  for (const char* name : {"show", "check", "run", "verify", "bench", "Exit codes"})
    EXPECT_TRUE(contains(help.out, name)) << name;
  EXPECT_EQ(thaw("--version").out, "0.1.0\n");
}

TEST(Command, WrongUsageIsTwo) {
  EXPECT_EQ(thaw("").code, 2);
  EXPECT_EQ(thaw("frobnicate").code, 2);
  EXPECT_EQ(thaw("show").code, 2);
  EXPECT_EQ(thaw("show /no/such/model").code, 2);
  EXPECT_EQ(thaw("verify " + kDemo + "keras3_digits_mlp --device teapot").code, 2);
}

TEST(Command, VersionChoosesANumberedFolder) {
  const std::string archive = THAW_SOURCE_DIR "/tests/model/archives/versions.tar.gz";
  const Result highest = thaw("show " + archive), second = thaw("show --version 2 " + archive);
  EXPECT_EQ(highest.code, 0) << highest.err;
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_NE(highest.out, second.out);
  const Result absent = thaw("check --version 5 " + archive);
  EXPECT_NE(absent.code, 0);
  EXPECT_TRUE(contains(absent.err, "has no version '5'")) << absent.err;
  EXPECT_TRUE(contains(thaw("run --help").out, "--version")) << "run";
}

TEST(Command, ShowPrintsLayersAndParsesAsJson) {
  const Result human = thaw("show " + kDemo + "tfkeras_digits_mlp/model.h5");
  EXPECT_EQ(human.code, 0);
  EXPECT_TRUE(contains(human.out, "Dense")) << human.out;
  const Result machine = thaw("show --json " + kDemo + "tfkeras_digits_mlp/model.h5");
  ASSERT_EQ(machine.code, 0) << machine.err;
  const Json json = parse_json(machine.out, "show", Limits{});
  EXPECT_GT(json.at("parameters").integer(), 0);
  EXPECT_GT(json.at("layers").size(), 1u);
  EXPECT_EQ(json.at("signatures").at(std::size_t{0}).at("inputs").size(), 1u);
}

TEST(Command, BenchWritesItsFiguresAndComparesThem) {
  const std::string json = temporary("bench.json"), csv = temporary("bench.csv"),
                    svg = temporary("bench.svg");
  const std::string model = kDemo + "keras3_names_lstm/model.keras";
  const std::string options = " --batch 1,4 --concurrency 1,2 --length 7 --seconds 0.01";
  const Result first =
      thaw("bench " + model + options + " --json " + json + " --csv " + csv + " --svg " + svg);
  ASSERT_EQ(first.code, 0) << first.err;
  std::ifstream in(json);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const Json figures = parse_json(text, json, Limits{});
  EXPECT_GT(figures.at("load_ms").number(), 0);
  ASSERT_EQ(figures.at("rows").size(), 4u);
  for (const Json& row : figures.at("rows").array()) {
    EXPECT_GT(row.at("runs").integer(), 0);
    EXPECT_GT(row.at("runs_per_second").number(), 0);
    EXPECT_LE(row.at("p10_us").number(), row.at("p50_us").number());
    EXPECT_LE(row.at("p50_us").number(), row.at("p99_us").number());
  }
  std::ifstream table(csv);
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(table), {}, '\n'), 5);
  EXPECT_GT(std::filesystem::file_size(svg), 1000u);
  const Result again = thaw("bench " + model + " --seconds 0.01 --length 7 --compare " + json);
  EXPECT_EQ(again.code, 0);
  EXPECT_TRUE(contains(again.out, "batch=1 threads=1 sessions=1")) << again.out;
  EXPECT_FALSE(contains(again.out, "note:")) << again.out;
  const Result other =
      thaw("bench " + model + " --seconds 0.01 --length 7 --weights-as fp16 --compare " + json);
  EXPECT_TRUE(contains(other.out, "note: weights_as was f32, now fp16")) << other.out;
  EXPECT_EQ(thaw("bench " + model + " --batch 0").code, 2);
  EXPECT_EQ(thaw("bench " + model + " --compare /no/such/file").code, 2);
}

// The pages of docs/ are what this build prints.
std::string page(const std::string& name) {
  std::ifstream in(THAW_SOURCE_DIR "/docs/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Command, SupportedPrintsThePagesOfTheDocs) {
  EXPECT_EQ(thaw("supported layers").out, page("layers.md"))
      << "thaw supported layers > docs/layers.md";
  EXPECT_EQ(thaw("supported ops").out, page("tf_ops.md")) << "thaw supported ops > docs/tf_ops.md";
}

TEST(Command, CheckSaysThatItRuns) {
  const Result result = thaw("check " + kDemo + "keras3_names_lstm/model.keras");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.rfind("ok", 0), 0u) << result.out;
}

TEST(Command, RunWritesWhatVerifyAccepts) {
  const std::string model = kDemo + "keras3_digits_cnn/model.keras",
                    inputs = kDemo + "keras3_digits_cnn/inputs.npz";
  const std::string out = temporary("out.npz");
  ASSERT_EQ(thaw("run " + model + " -i " + inputs + " -o " + out).code, 0);
  EXPECT_EQ(thaw("verify " + model + " -i " + inputs + " -e " + out + " --rtol 0 --atol 0").code,
            0);
  EXPECT_EQ(
      thaw("verify " + model + " -i " + inputs + " -e " + kDemo + "keras3_digits_cnn/expected.npz")
          .code,
      0);
}

TEST(Command, VerifyPrintsTheFirstBadIndex) {
  const std::string model = kDemo + "keras3_digits_mlp/model.keras",
                    inputs = kDemo + "keras3_digits_mlp/inputs.npz";
  auto expected = read_npz(kDemo + "keras3_digits_mlp/expected.npz", Limits{});
  Tensor changed = expected.at(0).second.clone();
  changed.mutable_data<float>()[13] += 0.5f;
  const std::string file = temporary("wrong.npz");
  write_npz(file, {{expected[0].first, changed}});
  const Result result = thaw("verify " + model + " -i " + inputs + " -e " + file + " --bisect");
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(contains(result.out, "MISMATCH")) << result.out;
  EXPECT_TRUE(contains(result.out, "1 of ")) << result.out;
  EXPECT_TRUE(contains(result.out, "[1, 3]")) << result.out;
  EXPECT_TRUE(contains(result.out, "intermediate values match")) << result.out;
}

TEST(Command, InputsThatDoNotFitAreTwo) {
  const std::string model = kDemo + "keras3_digits_mlp/model.keras";
  const Result result = thaw("run " + model + " -i " + kDemo + "keras3_digits_mlp/labels.npz");
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(contains(result.err, "labels")) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST(Command, DamagedFilesAreFive) {
  const std::string file = temporary("broken.keras");
  std::ofstream(file) << "PK\x03\x04 this is no zip";
  EXPECT_EQ(thaw("show " + file).code, 5);
  std::ofstream(file) << "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
  const Result pointer = thaw("show " + file);
  EXPECT_EQ(pointer.code, 5);
  EXPECT_TRUE(contains(pointer.err, "Git LFS pointer")) << pointer.err;
  std::ofstream(file, std::ios::trunc).close();
  EXPECT_EQ(thaw("show " + file).code, 5);
}

TEST(Command, UnsupportedLayersAreThreeAndAllNamed) {
  const std::string folder = temporary("unsupported");
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/model.json")
      << R"({"class_name": "Sequential", "config": {"name": "s", "layers": [
      {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [null, 4], "dtype": "float32"}},
      {"class_name": "FluxCapacitor", "config": {"name": "flux", "dtype": "float32"}},
      {"class_name": "Lambda", "config": {"name": "secret", "dtype": "float32",
        "function": ["4wEAAAABAAAA", null, null], "function_type": "lambda"}}]},
    "keras_version": "2.15.0", "backend": "tensorflow"})";
  write_npz(folder + "/none.npz", {});
  const Result result =
      thaw("check " + folder + "/model.json --weights " + kDemo + "tfkeras_digits_mlp/model.h5");
  EXPECT_EQ(result.code, 3) << result.err;
  for (const char* name : {"FluxCapacitor", "flux", "Lambda", "secret"})
    EXPECT_TRUE(contains(result.err, name)) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST(Command, VerifyTakesCaseFoldersAndSumsUp) {
  const Result result =
      thaw("verify " + kDemo + "keras3_digits_mlp " + kDemo + "tfkeras_names_lstm");
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_TRUE(contains(result.out, "0 failed")) << result.out;
}

TEST(Command, VerifyLeavesFilesBesideTheCasesOut) {
  const std::string page = temporary("README.md");
  std::ofstream(page) << "cases";
  const Result result = thaw("verify " + page + " " + kDemo + "keras3_digits_mlp");
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_TRUE(contains(result.err, "README.md: a file, not a case's folder: left out"))
      << result.err;
  EXPECT_EQ(thaw("verify " + page + " " + page).code, 2);
}

TEST(Command, ReadsJsonAndCsv) {
  const std::string model = kDemo + "keras3_digits_mlp/model.keras";
  const auto inputs = read_npz(kDemo + "keras3_digits_mlp/inputs.npz", Limits{});
  const Tensor& images = inputs.at(0).second;
  const std::int64_t row = images.num_elements() / images.shape()[0];
  const std::string csv = temporary("rows.csv"), json = temporary("rows.json");
  std::ofstream csv_out(csv), json_out(json);
  const std::int64_t width = images.shape()[2];  // [batch, rows, width]
  json_out << "[[[";
  for (std::int64_t i = 0; i < row; ++i) {
    const char* between = i % width == 0 ? "], [" : ", ";
    csv_out << (i == 0 ? "" : ",") << images.data<float>()[i];
    json_out << (i == 0 ? "" : between) << images.data<float>()[i];
  }
  csv_out << "\n" << std::flush;
  json_out << "]]]" << std::flush;
  const Result from_csv = thaw("run " + model + " -i " + csv),
               from_json = thaw("run " + model + " -i " + json);
  ASSERT_EQ(from_csv.code, 0) << from_csv.err;
  EXPECT_EQ(from_csv.out, from_json.out);
  EXPECT_EQ(parse_json(from_csv.out, "run", Limits{}).size(), 1u);
}

const std::string kGolden = THAW_SOURCE_DIR "/tests/golden/";

// Complex inputs become complex128; where a sampling resize stands is float32 in float64, too.
TEST(Cli, WhatTakesOtherFloatsRunsInTheReferencesFloat64) {
  for (const char* name : {"numeric/complex_numbers", "keras3/image_resizing"}) {
    const Result result = thaw("verify " + kGolden + name + " --against reference");
    EXPECT_EQ(result.code, 0) << result.out << result.err;
    EXPECT_NE(result.out.find("against reference float64"), std::string::npos) << result.out;
  }
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// The first output of a JSON answer.
Json first_output(const Result& result) {
  const Json json = parse_json(result.out, "run", Limits{});
  return json.object().at(0).second;
}

TEST(Command, TextsRunThroughAModelOfStrings) {
  const std::string model = kGolden + "keras3/string_lookup_one_hot/model.keras";
  const Result texts = thaw("run " + model + " --text earth --text 'no such word'");
  ASSERT_EQ(texts.code, 0) << texts.err;
  const std::string json = temporary("texts.json"), csv = temporary("texts.csv");
  write(json, R"([["earth"], ["no such word"]])");
  write(csv, "word\nearth\n\"no such word\"\n");
  const std::string lines = temporary("texts.txt");
  write(lines, "earth\r\nno such word\n");
  for (const std::string& inputs :
       {"--inputs " + json, "--inputs " + csv, "--text-file " + lines}) {
    const Result same = thaw("run " + model + " " + inputs);
    EXPECT_EQ(same.code, 0) << same.err;
    EXPECT_EQ(same.out, texts.out) << inputs;
  }
  // One-hot rows: an unknown word is the first, "earth" the second.
  EXPECT_EQ(first_output(texts).dump(), "[[0,1,0,0,0,0,0],[1,0,0,0,0,0,0]]");
  EXPECT_EQ(thaw("run " + model).code, 2);
}

TEST(Command, TokenizersFeedModelsOfNumbers) {
  const std::string folder = kGolden + "tokenizer/";
  const std::string model = kDemo + "tfkeras_names_lstm/model.h5";
  const Result texts = thaw("run " + model + " --text 'the sea the' --text 'the' --tokenizer " +
                            folder + "limited.json --padding post --maxlen 4");
  ASSERT_EQ(texts.code, 0) << texts.err;
  const std::string sequences = temporary("sequences.json");  // 1 is the unknown word
  write(sequences, "[[2, 1, 2, 0], [2, 0, 0, 0]]");
  EXPECT_EQ(thaw("run " + model + " --inputs " + sequences).out, texts.out);
  const Result pickle =
      thaw("run " + model + " --text hello --tokenizer " + folder + "words.pickle");
  EXPECT_EQ(pickle.code, 3);
  EXPECT_TRUE(contains(pickle.err, "tokenizer.to_json()")) << pickle.err;
  const Result wrong = thaw("run " + model + " --text 'the fire'");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(contains(wrong.err, "--tokenizer tokenizer.json")) << wrong.err;
}

}  // namespace
}  // namespace thaw

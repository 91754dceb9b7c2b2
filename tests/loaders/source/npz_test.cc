#include "loaders/source/npz.h"

#include <unistd.h>

#include <cstring>

#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

using Arrays = std::vector<std::pair<std::string, Tensor>>;

const Tensor& find(const Arrays& arrays, const std::string& name) {
  for (const auto& [key, tensor] : arrays) {
    if (key == name) return tensor;
  }
  throw std::runtime_error("no array " + name);
}

template <class T>
void expect_ramp(const Tensor& tensor, Shape shape) {
  ASSERT_EQ(tensor.type(), (TensorType{Tensor::dtype_of<T>(), shape}));
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i)
    ASSERT_EQ(tensor.data<T>()[i], static_cast<T>(i));
}

class Npz : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Npz, ::testing::Values("arrays.npz", "arrays_deflated.npz"));

TEST_P(Npz, ReadsNumpysArrays) {
  const Arrays arrays = read_npz(data_file(GetParam()), Limits{});
  EXPECT_EQ(arrays.front().first, "c_order");  // in archive order
  EXPECT_EQ(arrays.size(), 18u);
  for (const char* name : {"c_order", "fortran", "big"})
    expect_ramp<float>(find(arrays, name), {2, 3, 4});
  expect_ramp<double>(find(arrays, "double"), {2, 3, 4});
  expect_ramp<std::int8_t>(find(arrays, "i1"), {3});
  expect_ramp<std::uint64_t>(find(arrays, "u8"), {3});
  expect_ramp<std::int16_t>(find(arrays, "i2_big"), {3});
  EXPECT_EQ(to_float(find(arrays, "half").data<float16>()[23]), 23.0f);
  EXPECT_EQ(to_float(find(arrays, "bfloat").data<bfloat16>()[1]), -2.0f);
  EXPECT_EQ(values_of<bool>(find(arrays, "bool")), (std::vector<bool>{true, false, false, true}));
  EXPECT_EQ(values_of<std::string>(find(arrays, "bytes")),
            (std::vector<std::string>{"one", "three", ""}));
  EXPECT_EQ(values_of<std::string>(find(arrays, "unicode")),
            (std::vector<std::string>{"one", "dr\u00fcben \U0001f600", ""}));
  EXPECT_EQ(values_of<std::string>(find(arrays, "unicode_big")),
            (std::vector<std::string>{"z\u00fc"}));
  EXPECT_EQ(values_of<std::string>(find(arrays, "bytes_fortran")),
            (std::vector<std::string>{"a", "b", "c", "d", "e", "f"}));
  EXPECT_EQ(find(arrays, "scalar").shape(), Shape{});
  EXPECT_EQ(find(arrays, "scalar").data<float>()[0], 7.0f);
  EXPECT_EQ(find(arrays, "empty").type(), (TensorType{DType::int64, {3, 0}}));
  float parts[4];
  std::memcpy(parts, find(arrays, "complex").data(), sizeof parts);
  EXPECT_EQ(std::vector<float>(parts, parts + 4), (std::vector<float>{1, 2, 0, -3}));
  double wide[4];
  std::memcpy(wide, find(arrays, "complex_big").data(), sizeof wide);
  EXPECT_EQ(std::vector<double>(wide, wide + 4), (std::vector<double>{1, 2, 0, -3}));
}

TEST(Npy, Versions) {
  expect_ramp<float>(read_npy(load("version2.npy"), Limits{}), {2, 3, 4});
  expect_ramp<float>(read_npy(load("version3.npy"), Limits{}), {2, 3, 4});
}

TEST(Npy, RefusesPicklesAndRecords) {
  std::string message;
  EXPECT_EQ(error_of([] { read_npy(load("object.npy"), Limits{}); }, &message),
            ErrorCode::unimplemented);
  EXPECT_NE(message.find("pickle"), std::string::npos) << message;
  EXPECT_EQ(error_of([] { read_npy(load("record.npy"), Limits{}); }), ErrorCode::unimplemented);
}

std::string npy(const std::string& header, const std::string& data = "", char major = 1) {
  std::string out = "\x93NUMPY";
  out += major;
  out += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    out += static_cast<char>(header.size() >> (8 * i) & 255);
  return out + header + data;
}
ErrorCode npy_error(const std::string& file) {
  return error_of([&] { read_npy(make_bytes(file), Limits{}); });
}

TEST(Npy, HostileHeaders) {
  const std::string data(16, '\1');
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n";
  EXPECT_NO_THROW(read_npy(make_bytes(npy(good, data)), Limits{}));
  EXPECT_EQ(npy_error(npy(good, data + "x")), ErrorCode::invalid_argument);
  EXPECT_EQ(npy_error(npy(good, data.substr(1))), ErrorCode::data_loss);
  EXPECT_EQ(npy_error(npy(good, data, 4)), ErrorCode::unimplemented);
  EXPECT_EQ(npy_error("PK\x03\x04"), ErrorCode::data_loss);
  EXPECT_EQ(npy_error("PK\x03\x04 a zip archive"), ErrorCode::invalid_argument);
  const auto with = [&](const std::string& descr, const std::string& order,
                        const std::string& shape) {
    return npy_error(npy(
        "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + "}", data));
  };
  for (const char* descr : {"'<f3'", "'<f'", "'f99999999999999999999'", "'<m8'", "'<M8[ns]'",
                            "'|O'", "'|V7'", "''", "'<'", "'|t4'", "[('a', '<f4')]"}) {
    EXPECT_EQ(with(descr, "False", "(4,)"), ErrorCode::unimplemented) << descr;
  }
  for (const char* shape : {"(-1,)", "4", "(4", "(4,,)", "[4]", "(a,)", "(4, 'x')",
                            "(99999999999999999999,)", "(4.0,)"}) {
    EXPECT_EQ(with("'<f4'", "False", shape), ErrorCode::invalid_argument) << shape;
  }
  EXPECT_EQ(with("'<f4'", "No", "(4,)"), ErrorCode::invalid_argument);
  EXPECT_EQ(with("'<f4'", "False", "(4611686018427387904,)"), ErrorCode::resource_exhausted);
  EXPECT_EQ(with("'<f4'", "False", "(4294967296, 4294967296, 4294967296)"),
            ErrorCode::invalid_argument);
  EXPECT_EQ(npy_error(npy("{'descr': '|S0', 'fortran_order': False, 'shape': (1000000000000,)}")),
            ErrorCode::resource_exhausted);
  EXPECT_EQ(with("'|S99999999999'", "False", "(1,)"), ErrorCode::invalid_argument);
  std::string ones = "(";
  for (int i = 0; i < 33; ++i) ones += "1,";
  EXPECT_EQ(with("'<f4'", "False", ones + ")"), ErrorCode::resource_exhausted);
  for (const char* header :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4'}", "x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} x"}) {
    EXPECT_EQ(npy_error(npy(header, data)), ErrorCode::invalid_argument) << header;
  }
  EXPECT_EQ(npy_error(npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}",
                          std::string("\0\xd8\0\0", 4))),
            ErrorCode::invalid_argument);  // a surrogate
}

TEST(Npy, Damaged) {
  const std::string file(load("version2.npy").text());
  const auto reader = [](const Bytes& bytes) { read_npy(bytes, Limits{}); };
  check_truncations(file, reader);
  check_flips(file, reader);
}

class TemporaryFile {
 public:
  TemporaryFile() {
    const int descriptor = mkstemp(path_);
    EXPECT_GE(descriptor, 0);
    close(descriptor);
  }
  ~TemporaryFile() { unlink(path_); }
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/thaw_test_XXXXXX";
};

TEST(Npz, WritesWhatItReads) {
  Arrays arrays = read_npz(data_file("arrays.npz"), Limits{});
  arrays.emplace_back("empty_strings", Tensor(DType::string, {2, 0}));
  const TemporaryFile file;
  write_npz(file.path(), arrays);
  const Arrays again = read_npz(file.path(), Limits{});
  ASSERT_EQ(again.size(), arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const Tensor& before = arrays[i].second;
    const Tensor& after = again[i].second;
    EXPECT_EQ(again[i].first, arrays[i].first);
    EXPECT_EQ(after.shape(), before.shape());
    if (before.dtype() == DType::bfloat16) {
      ASSERT_EQ(after.dtype(), DType::float32);
      EXPECT_EQ(after.data<float>()[1], -2.0f);
    } else if (before.dtype() == DType::string) {
      EXPECT_EQ(values_of<std::string>(after), values_of<std::string>(before));
    } else {
      ASSERT_EQ(after.dtype(), before.dtype());
      if (before.size_bytes() > 0) {
        EXPECT_EQ(std::memcmp(after.data(), before.data(), before.size_bytes()), 0)
            << arrays[i].first;
      }
    }
  }
  write_npz(file.path(), {});
  EXPECT_TRUE(read_npz(file.path(), Limits{}).empty());
}

TEST(Npz, WritesManyArrays) {
  Arrays arrays;
  for (int i = 0; i < 70000; ++i)
    arrays.emplace_back("a" + std::to_string(i), Tensor::from<std::int8_t>({}, {1}));
  const TemporaryFile file;
  write_npz(file.path(), arrays);  // too many for the end record without zip64
  const Bytes bytes = read_file(file.path(), Limits{});
  EXPECT_EQ(open_zip(bytes, file.path(), Limits{})->names().size(), arrays.size());
}

TEST(Npz, Errors) {
  EXPECT_EQ(error_of([] { write_npz("/nonexistent/x.npz", {}); }), ErrorCode::permission_denied);
  EXPECT_EQ(error_of([] { read_npz("/nonexistent/x.npz", Limits{}); }), ErrorCode::not_found);
  EXPECT_EQ(error_of([] { read_npz(data_file("old.h5"), Limits{}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of([] { read_npz(data_file("plain.zip"), Limits{}); }),
            ErrorCode::invalid_argument);
  Limits limits;
  limits.max_total_bytes = 100;
  EXPECT_EQ(error_of([&] { read_npz(data_file("arrays.npz"), limits); }),
            ErrorCode::resource_exhausted);
  EXPECT_EQ(error_of([] { to_npy(Tensor()); }), ErrorCode::invalid_argument);
}

TEST(Npy, MessagesNameTheFileAndTheProblem) {
  const std::string data(16, '\1');
  const auto expect = [](const std::string& file, const char* text) {
    std::string message;
    error_of([&] { read_npy(make_bytes(file, "a.npy"), Limits{}); }, &message);
    EXPECT_EQ(message.find("a.npy: "), 0u) << message;
    EXPECT_NE(message.find(text), std::string::npos) << message << "\n  lacks: " << text;
  };
  const auto header = [&](const std::string& descr, const std::string& shape) {
    return npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + "}", data);
  };
  expect(npy("x", data), ".npy header at byte 0: expected '{'");
  expect(header("[('a', '<f4')]", "(4,)"), "a structured numpy array");
  expect(header("'|O'", "(4,)"),
         "numpy type '|O' (Python objects are pickles, which are never read)");
  expect(header("'<m8'", "(4,)"), "numpy type '<m8'");
  std::string ones = "(";
  for (int i = 0; i < 33; ++i) ones += "1,";
  expect(header("'<f4'", ones + ")"), "rank above 32");
  expect(header("'<f4'", "(5,)"), "shape [5] needs 20 bytes, 16 are there");
  expect(header("'<f4'", "(3,)"), "4 bytes follow the array");
  expect(header("'<f4'", "(4611686018427387904,)"), "4611686018427387904 elements of 4 bytes");
  expect(npy("{}", "", 4), ".npy format 4.0");
  expect("PK\x03\x04 a zip archive", "is no .npy array but a zip archive");
  expect(
      npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", std::string("\0\xd8\0\0", 4)),
      "a string holds the code 0xd800, no character");
}

TEST(Npz, MessagesNameTheFileAndTheProblem) {
  std::string message;
  error_of([&] { write_npz("/nonexistent/x.npz", {}); }, &message);
  EXPECT_NE(message.find("/nonexistent/x.npz"), std::string::npos) << message;
  error_of([&] { write_npz("/dev/full", {{"a", Tensor::from<float>({1}, {1})}}); }, &message);
  EXPECT_NE(message.find("/dev/full: cannot be written: "), std::string::npos) << message;
  error_of([] { read_npz(data_file("old.h5"), Limits{}); }, &message);
  EXPECT_NE(message.find("old.h5: is no .npz but HDF5"), std::string::npos) << message;
  const TemporaryFile file;
  const Tensor one = Tensor::from<float>({1}, {1});
  error_of([&] { write_npz(file.path(), {{std::string(70000, 'n'), one}}); }, &message);
  EXPECT_NE(message.find("an array name of 70000 bytes"), std::string::npos) << message;
}

}  // namespace
}  // namespace thaw::testing

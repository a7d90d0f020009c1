using System.Buffers.Binary;
using System.Text;
using OptimSharp.PyTorch;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>PyTorch files that lie: in the pickle's numbers, in the zip file's places and sizes.</summary>
public class HostileFileTests
{
    static readonly byte[] TwelveBytes = [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64]; // 1, 2, 3

    /// <summary>A pickle in letters: <c>{…}</c> text, <c>#n</c> number, <c>:a.b</c> global, other signs are the instructions themselves.</summary>
    static byte[] Pickle(string program)
    {
        var bytes = new List<byte> { 0x80, 2 };
        foreach (string word in program.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (word[0])
            {
                case '\'':
                    byte[] text = Encoding.UTF8.GetBytes(word[1..]);
                    bytes.AddRange([(byte)'X', .. BitConverter.GetBytes(text.Length), .. text]);
                    break;
                case '#':
                    bytes.AddRange([0x8A, 8, .. BitConverter.GetBytes(long.Parse(word[1..], System.Globalization.CultureInfo.InvariantCulture))]);
                    break;
                case ':':
                    int dot = word.LastIndexOf('.');
                    bytes.AddRange(Encoding.ASCII.GetBytes($"c{word[1..dot]}\n{word[(dot + 1)..]}\n"));
                    break;
                default:
                    bytes.AddRange(word.Select(c => (byte)c));
                    break;
            }
        }
        return [.. bytes];
    }

    static byte[] Archive(byte[] pickle, byte[]? storage = null)
    {
        using var stream = new MemoryStream();
        var zip = new ZipWriter(stream);
        zip.Add("archive/data.pkl", pickle);
        zip.Add("archive/data/0", storage ?? TwelveBytes);
        zip.Add("archive/version", "3\n"u8);
        zip.Finish();
        return stream.ToArray();
    }

    static string Refused(byte[] file) => Assert.Throws<CheckpointException>(() => Checkpoint.Load(new MemoryStream(file))).Message;

    /// <summary>{"w": a tensor over the three numbers}.</summary>
    static string Tensor(string offset = "#0", string shape = "#3 \u0085", string strides = "#1 \u0085", string count = "#3", string type = ":torch.FloatStorage", string key = "'0", string device = "'cpu") =>
        $"}} 'w :torch._utils._rebuild_tensor_v2 ( ( 'storage {type} {key} {device} {count} t Q {offset} {shape} {strides} \u0089 }} t R s .";

    [Fact]
    public void An_honest_one_is_read()
    {
        Assert.Equal([1f, 2, 3], Checkpoint.Load(new MemoryStream(Archive(Pickle(Tensor())))).GetTensor("w").ToArray<float>());
        Assert.Equal([2f, 3], Checkpoint.Load(new MemoryStream(Archive(Pickle(Tensor(offset: "#1", shape: "#2 \u0085"))))).GetTensor("w").ToArray<float>());
    }

    [Theory]
    [InlineData("#-1", "#3 \u0085", "#1 \u0085", "#3", "goes past the 3 elements")]
    [InlineData("#1", "#3 \u0085", "#1 \u0085", "#3", "goes past the 3 elements")]
    [InlineData("#-9223372036854775808", "#3 \u0085", "#1 \u0085", "#3", "goes past the 3 elements")]
    [InlineData("#9223372036854775807", "#3 \u0085", "#1 \u0085", "#3", "goes past the 3 elements")]
    [InlineData("#0", "#4 \u0085", "#1 \u0085", "#3", "goes past the 3 elements")]
    [InlineData("#0", "#2 \u0085", "#3 \u0085", "#3", "goes past the 3 elements")]
    [InlineData("#0", "#2 \u0085", "#9223372036854775807 \u0085", "#3", "goes past the 3 elements")]
    [InlineData("#0", "#2 #2 \u0086", "#9223372036854775807 #9223372036854775807 \u0086", "#3", "goes past the 3 elements")]
    [InlineData("#0", "#-3 \u0085", "#1 \u0085", "#3", "shape have the number -3")]
    [InlineData("#2", "#3 \u0085", "#-1 \u0085", "#3", "strides have the number -1")]
    [InlineData("#0", "#3 \u0085", "#1 #1 \u0086", "#3", "1 sizes and 2 strides")]
    [InlineData("#0", "#4611686018427387904 #4 \u0086", "#0 #0 \u0086", "#3", "more elements than there can be")]
    [InlineData("#0", "#9223372036854775807 \u0085", "#0 \u0085", "#3", "more elements than there can be")]
    [InlineData("#0", "'x \u0085", "#1 \u0085", "#3", "shape have a text")]
    [InlineData("#0", "#3 \u0085", "#1 \u0085", "#4", "has 12 bytes, but its storage has 16")]
    [InlineData("#0", "#3 \u0085", "#1 \u0085", "#9223372036854775807", "a storage of 9223372036854775807 elements")]
    [InlineData("#0", "#3 \u0085", "#1 \u0085", "#2305843009213693951", "but its storage has 9223372036854775804")]
    [InlineData("#0", "#3 \u0085", "#1 \u0085", "#-3", "a storage of -3 elements")]
    public void A_tensor_outside_its_storage_is_refused(string offset, string shape, string strides, string count, string message) =>
        Assert.Contains(message, Refused(Archive(Pickle(Tensor(offset, shape, strides, count)))), StringComparison.Ordinal);

    [Theory]
    [InlineData("} 'x :torch._utils._rebuild_tensor_v2 ) R s .", "calls torch._utils._rebuild_tensor_v2 with arguments")]
    [InlineData("} 'x #1 #2 R s .", "without a tuple of arguments")]
    [InlineData("} 'x #1 ) R s .", "calls what is no function")]
    [InlineData("} 'x #1 ) \u0081 s .", "an instance of what is no class")]
    [InlineData("} 'x ( 'storage :torch.FloatStorage '1 'cpu #3 t Q s .", "data/1': is missing")]
    [InlineData("} 'x ( 'storage :torch.FloatStorage '../version 'cpu #3 t Q s .", "data/../version': is missing")]
    [InlineData("} 'x ( 'other :torch.FloatStorage '0 'cpu #3 t Q s .", "names a storage as torch.save does not")]
    [InlineData("} 'x ( 'storage :torch.Size '0 'cpu #3 t Q s .", "of the class torch.Size")]
    [InlineData("} 'x ( 'storage :torch.FloatStorage '0 'cpu #3 t Q ( 'storage :torch.IntStorage '0 'cpu #3 t Q \u0086 s .", "with two types or sizes")]
    [InlineData("} 'x ( 'storage :torch.FloatStorage '0 'cpu #3 ( '0 #2 #2 t t Q s .", "a part of a storage that is not within it")]
    [InlineData("} 'x ( 'storage :torch.FloatStorage '0 'cpu #3 ( '0 #9223372036854775807 #9223372036854775807 t t Q s .", "a part of a storage that is not within it")]
    [InlineData("} 'x ( 'storage :torch.FloatStorage '0 'meta #3 t Q s .", "meta device")]
    [InlineData("} 'x h\u0007 s .", "refers to the object 7")]
    [InlineData("} q\u0001 'x h\0 s .", "refers to the object 0")]
    [InlineData("} q\u0007 .", "numbers an object 7, but has 0 before it")]
    [InlineData("} r\u0002\0\0\0 .", "numbers an object 2, but has 0 before it")]
    [InlineData("} 'x s .", "takes more from its stack")]
    [InlineData("} 0 0 .", "takes more from its stack")]
    [InlineData("} ( 'x u .", "a key without a value")]
    [InlineData("} ] N s .", "a key that is a list")]
    [InlineData("} ( } t N s .", "a key that is a dictionary")]
    [InlineData("] 'x #1 s .", "no a dictionary")]
    [InlineData("} 'x a .", "no a list")]
    [InlineData("} t .", "the end of a list without its start")]
    [InlineData("} } b .", "gives attributes")]
    [InlineData(":collections.OrderedDict ) R } b } b .", "or has some")]
    [InlineData(":a.B ) \u0081 } b } b .", "or has some")]
    [InlineData(":collections.OrderedDict ] ( #1 e \u0085 R .", "a list of other things than pairs")]
    [InlineData("} . .", "goes on after its end")]
    [InlineData("} } .", "goes on after its end")]
    [InlineData("} ", "is cut off")]
    [InlineData("} 'x c", "is cut off")]
    [InlineData("} 'x X\u00FF\u00FF\u00FF\u00FF", "a text of 4294967295 bytes")]
    [InlineData("} 'x B\u00FF\u00FF\u00FF\u00FF", "bytes of 4294967295 bytes")]
    [InlineData("} 'x \u008e\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF", "bytes of 9223372036854775807 bytes")]
    [InlineData("} 'x \u008b\u00FF\u00FF\u00FF\u00FF", "a whole number of -1 bytes")]
    [InlineData("} 'x \u0095\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF", "is cut off")]
    [InlineData("} 'x X\u0001\0\0\0\u00FF s .", "no UTF-8")]
    [InlineData("} 'x \u0082\u0001 s .", "the instruction 0x82")]
    [InlineData("} 'x \u0097 s .", "the instruction 0x97")]
    [InlineData("} 'x P1\n s .", "the instruction 0x50")]
    [InlineData("} 'x I1x\n s .", "a whole number that is none")]
    [InlineData("} 'x Vx\\ud800\n s .", "half of a surrogate pair")]
    [InlineData("} 'x Sx\n s .", "without quotes")]
    [InlineData("} 'x :numpy._core.multiarray._reconstruct ( :numpy.ndarray ( #0 t 'b t R ( #1 ( #3 t :numpy.dtype ( 'f8 \u0089 \u0088 t R \u0089 '01234567 t b s .", "a NumPy array [3] of 8 bytes each with 8 bytes")]
    public void A_pickle_that_is_none_of_PyTorchs_is_refused(string program, string message) =>
        Assert.Contains(message.Replace("no a ", "not a ", StringComparison.Ordinal), Refused(Archive(Pickle(program))), StringComparison.Ordinal);

    [Fact]
    public void A_text_with_half_of_a_surrogate_pair_is_read_as_its_bytes()
    {
        // os.fsdecode(b"caf\xe9"): Python's name for a file whose name is no UTF-8
        var state = Checkpoint.Load(new MemoryStream(Archive(Pickle("} 'x X\u0006\0\0\0caf\u00ED\u00B3\u00A9 s 'y #7 s ."))));
        Assert.Equal([.. "caf"u8, 0xED, 0xB3, 0xA9], state.GetBytes("x").ToArray());
        Assert.Equal(7, state.GetInt64("y"));
    }

    /// <summary>What refers to something large takes two bytes: doing it often must not take long, nor make a large thing of a small file.</summary>
    [Theory]
    [InlineData(":collections.OrderedDict ) R } q\0 (", "'{0} N", 20_000, "u b", "h\0 b", 20_000, ".", "or has some")] // attributes
    [InlineData("} 'x ] q\0 (", "}", 100_000, "e s 'y ] (", "h\0", 31, "e s .", "in so many places")]
    [InlineData("} 'x ] q\0 (", "N", 100_000, "e s 'y ] (", "h\0", 50_000, "e s .", "in so many places")]
    [InlineData("} 'x ( ", "#1", 100_000, "t q\0 s 'y (", ":torch.Size h\0 \u0085 R", 10_000, "t s .", "torch.Size with 100000 sizes")]
    [InlineData("} 'x ( ", "#1", 100_000, "t q\0 s 'y } (", "h\0 N", 10_000, "u s .", "a key of more than 64 parts")]
    [InlineData("} 'x ( ", "#1", 64, "t q\0 s 'y } (", "h\0 N", 50_000, "u s .", null)]
    [InlineData("} 'x ] q\0 ( ", "( '{0} #2 t", 5_000, "e s 'y ] (", ":collections.OrderedDict h\0 \u0085 R", 5_000, "e s .", "in so many places")] // as Python 2 writes them
    [InlineData("} 'x ] q\0 ( ", "#1", 30_000, "e s 'y ] (", ":a.B h\0 \u0085 R", 5_000, "e s .", "in so many places")] // a call's arguments
    [InlineData("} 'x ", ":a.B ) \u0081 } 'n", 20_000, "N", "s b", 20_000, "s .", null)] // objects one within the other
    [InlineData("} 'x :a.B ) \u0081 q\0 (", "#1", 100_000, "e s 'y ] (", "h\0", 50_000, "e s .", null)] // an object is one in all places
    [InlineData("} 'x } q\0 (", "'{0} N", 20_000, "u s 'y (", ":collections.Counter h\0 \u0085 R", 10_000, "t s .", "in so many places")]
    [InlineData("} 'x ( ", "#1", 100_000, "t q\0 s 'w :torch._utils._rebuild_tensor_v2 ( ( 'storage :torch.FloatStorage '0 'cpu #3 t Q #0", "h\0", 2, "\u0089 } t R s .", "100000 sizes")]
    [InlineData("} '", "letters", 1_000, " q\0 N s (", "h\0 N", 10_000, "u .", "a key of 7000 letters")]
    [InlineData("} '", "letters", 100, " ] (", "}", 50_000, "e s .", null)] // the paths of so many dictionaries would be 40 MB
    [InlineData("} 'x ( 'storage :torch.FloatStorage '", "0", 1_000, " 'cpu #3 t q\0 Q (", "h\0 Q", 10_000, "e s .", "names a storage as torch.save does not")]
    public void Small_files_take_little_time_and_memory(string start, string first, int firstTimes, string middle, string second, int secondTimes, string end, string? message)
    {
        string between = start.EndsWith('\'') ? "" : " ";
        string program = start + between + string.Join(between, Enumerable.Range(0, firstTimes).Select(i => first.Replace("{0}", $"{i}", StringComparison.Ordinal)))
            + between + $"{middle} {string.Join(' ', Enumerable.Repeat(second, secondTimes))} {end}";
        byte[] file = Archive(Pickle(program));
        long memory = GC.GetAllocatedBytesForCurrentThread(), time = System.Diagnostics.Stopwatch.GetTimestamp();
        if (message is null)
            _ = Checkpoint.Load(new MemoryStream(file));
        else
            Assert.Contains(message, Refused(file), StringComparison.Ordinal);
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(time).TotalSeconds, 0, 2);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - memory, 0, 256 << 20);
    }

    [Fact]
    public void What_is_in_several_places_is_in_each_of_them()
    {
        var state = Checkpoint.Load(new MemoryStream(Archive(Pickle("} 'x ] q\0 ( #1 } e s 'y h\0 s ."))));
        Assert.Equal("{x: [1, {}], y: [1, {}]}", state.ToString());
        ((StateDict)state.GetList("x")[1]!)["changed"] = true;
        Assert.Equal("{x: [1, {changed: true}], y: [1, {}]}", state.ToString());
    }

    [Fact]
    public void The_zip_files_places_and_sizes_are_checked()
    {
        byte[] file = Archive(Pickle(Tensor()));
        int end = file.Length - 22, directory = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(end + 16));
        int second = directory + 46 + "archive/data.pkl".Length; // the directory's entry for the storage
        int header = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(second + 42));
        Check("overlaps what comes after it", second + 42, BitConverter.GetBytes(1));
        Check("has no header where the directory says", second + 42, BitConverter.GetBytes(header - 1));
        Check("goes past the file's end", second + 42, BitConverter.GetBytes(int.MaxValue));
        Check("is stored, but its sizes are 13 and 12", second + 20, BitConverter.GetBytes(13));
        int next = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(second + 46 + "archive/data/0".Length + 42));
        byte[] size = BitConverter.GetBytes(next - header - 30 + 1);
        Check("overlaps what comes after it", second + 20, [.. size, .. size]);
        Check("goes past the file's end", second + 20, [.. BitConverter.GetBytes(-2), .. BitConverter.GetBytes(-2)]);
        Check("goes past the file's end", second + 20, [.. BitConverter.GetBytes(-1), .. BitConverter.GetBytes(-1)]);
        Check("is compressed (method 8)", second + 10, [8]);
        Check("is encrypted", second + 8, [9]);
        Check("compressed or encrypted in its own header", header + 8, [8]);
        Check("another name in its own header", header + 30, [(byte)'b']);
        Check("overlaps what comes after it", header + 28, [255, 255]);
        Check("its checksum is", file.AsSpan().IndexOf(TwelveBytes), [1]);
        Check("a name that no archive of PyTorch has", second + 46, "../../passwd00"u8.ToArray());
        Check("a name that no archive of PyTorch has", second + 46, "/rchive/data/0"u8.ToArray());
        Check("a name that is no UTF-8", second + 46, [255]);
        Check("entries in", end + 8, [255, 255, 255, 255]);
        Check("so goes past its end", end + 12, BitConverter.GetBytes(int.MaxValue));
        Check("bytes more than its 2 entries", end + 8, [2, 0, 2, 0]);
        Check("spans several disks", end + 4, [1]);
        byte[] large = File.ReadAllBytes(Path.Combine(FixtureTests.Folder, "pytorch-2.14", "training.pt")); // PyTorch always writes the 64-bit end, too
        Assert.Equal(0x07064B50, BinaryPrimitives.ReadInt32LittleEndian(large.AsSpan(large.Length - 42)));
        large[^6]++;
        Assert.Contains("another in its 64-bit end", Refused(large), StringComparison.Ordinal);
        Check("is damaged at its entry 0", directory, [0]);

        void Check(string message, int at, byte[] bytes)
        {
            byte[] changed = [.. file];
            bytes.CopyTo(changed, at);
            Assert.Contains(message, Refused(changed), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Other_archives_and_other_byte_orders_are_told()
    {
        Assert.Contains("none of PyTorch's", Refused(Zip(("a/b", "x"))), StringComparison.Ordinal);
        Assert.Contains("none of PyTorch's", Refused(Zip(("a/data.pkl", "x"), ("b/data.pkl", "x"))), StringComparison.Ordinal);
        Assert.Contains("is in the directory twice", Refused(Zip(("a/data.pkl", "x"), ("a/data.pkl", "x"))), StringComparison.Ordinal);
        Assert.Contains("version': is missing", Refused(Zip(("a/data.pkl", "x"))), StringComparison.Ordinal);
        Assert.Contains("version is '11'", Refused(Zip(("a/data.pkl", "x"), ("a/version", "11\n"))), StringComparison.Ordinal);
        Assert.Contains("not little-endian", Refused(Zip(("a/data.pkl", "x"), ("a/version", "3\n"), ("a/byteorder", "big"))), StringComparison.Ordinal);
        Assert.Contains("does not begin as a pickle", Refused(Zip(("a/data.pkl", "x"), ("a/version", "3\n"))), StringComparison.Ordinal);

        static byte[] Zip(params (string, string)[] entries)
        {
            using var stream = new MemoryStream();
            var zip = new ZipWriter(stream);
            foreach (var (name, text) in entries)
                zip.Add(name, Encoding.ASCII.GetBytes(text));
            zip.Finish();
            return stream.ToArray();
        }
    }

    [Fact]
    public void Keys_that_collide_do_not_slow_it_down()
    {
        // whole numbers whose long.GetHashCode() are all one: 40,000 of them would take 800 million comparisons
        var keys = new List<byte> { 0x80, 2, (byte)'}', (byte)'(' };
        for (uint i = 0; i < 40_000; i++)
            keys.AddRange([0x8A, 8, .. BitConverter.GetBytes((ulong)i << 32 | i), (byte)'N']);
        keys.AddRange("u."u8);
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        Assert.Equal(40_000, Checkpoint.Load(new MemoryStream(Archive([.. keys]))).Count);
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds < 2);
    }
}

namespace OptimSharp.Tests.Checkpoints;

/// <summary><see cref="StateConversion"/>, and reading tensors in pieces.</summary>
public class StateConversionTests
{
    [Theory]
    [InlineData(ElementType.Float64)]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float8E5M2)]
    public void Each_float_is_what_To_makes_of_it(ElementType type)
    {
        foreach (string name in (string[])["layouts.pt", "training.pt", "model.pt", "lightning.ckpt"])
        {
            var state = Checkpoint.Load(Path.Combine(FixtureTests.Folder, "pytorch-2.14", name));
            int compared = Compare(state, state.WithFloats(type), type);
            Assert.True(compared > 0, name);
        }
    }

    [Fact]
    public void Views_of_one_memory_stay_so_and_are_saved_so()
    {
        var state = Checkpoint.Load(Path.Combine(FixtureTests.Folder, "pytorch-2.14", "layouts.pt"));
        var half = state.WithFloats(ElementType.BFloat16);
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, half);
        stream.Position = 0;
        var again = Checkpoint.Load(stream);
        (string Key, TensorData Tensor)[] before = [.. Floats(state)], after = [.. Floats(again)];
        int pairs = 0;
        for (int i = 0; i < before.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                Assert.Equal(before[i].Tensor.SharesMemoryWith(before[j].Tensor), after[i].Tensor.SharesMemoryWith(after[j].Tensor));
                pairs += before[i].Tensor.SharesMemoryWith(before[j].Tensor) ? 1 : 0;
            }
            Assert.Equal(before[i].Tensor.To(ElementType.BFloat16).ToArray<BFloat16>(), after[i].Tensor.ToArray<BFloat16>());
        }
        Assert.True(pairs > 0);

        static IEnumerable<(string Key, TensorData Tensor)> Floats(StateDict state) =>
            state.Where(e => e.Value is TensorData { ElementType: ElementType.Float32 or ElementType.BFloat16 }).Select(e => (e.Key.ToString(), (TensorData)e.Value!));
    }

    [Fact]
    public void Only_what_is_asked_for_is_converted_and_the_state_stays()
    {
        var state = new StateDict { { "a", TensorData.Of([1.5f], 1) }, { "list", new object?[] { TensorData.Of([2f], 1), new StateDict { { "b", TensorData.Of([3f], 1) } } } }, { "n", TensorData.Of([1L], 1) }, { "t", (TensorData.Of([4f], 1), 5) } };
        var paths = new List<string>();
        var converted = state.WithFloats(ElementType.Float64, (path, _) => { paths.Add(path); return path != "list[1].b"; });
        Assert.Equal(["a", "list[0]", "list[1].b", "t[0]"], paths);
        Assert.Equal(ElementType.Float64, converted.GetTensor("a").ElementType);
        Assert.Equal(ElementType.Float32, ((StateDict)converted.GetList("list")[1]!).GetTensor("b").ElementType);
        Assert.Equal(ElementType.Int64, converted.GetTensor("n").ElementType);
        Assert.Equal(4.0, ((TensorData)((StateTuple)converted["t"]!)[0]!).ToArray<double>()[0]);
        Assert.Equal(ElementType.Float32, state.GetTensor("a").ElementType);
        Assert.Contains("but not to Int32", Assert.Throws<ArgumentException>(() => state.WithFloats(ElementType.Int32)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pieces_of_a_tensor_are_those_of_the_whole()
    {
        foreach (string name in (string[])["layouts.pt", "values.pt", "dtype_complex64.pt", "dtype_bool.pt", "dtype_int16.pt", "float8.pt"])
        {
            foreach (var (_, value) in Checkpoint.Load(Path.Combine(FixtureTests.Folder, "pytorch-2.14", name)))
            {
                if (value is not TensorData tensor)
                    continue;
                double[] whole = tensor.ToDoubles();
                for (int first = 0; first <= whole.Length; first += 1 + whole.Length / 5)
                {
                    double[] piece = new double[Math.Min(7, whole.Length - first)];
                    tensor.ReadDoubles(first, piece);
                    Assert.Equal(whole[first..(first + piece.Length)], piece);
                }
                Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadDoubles(1, new double[whole.Length]));
                Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadDoubles(-1, new double[1]));
            }
        }
    }

    [Fact]
    public void More_than_a_buffer_is_read_from_anywhere()
    {
        double[] numbers = [.. Enumerable.Range(0, 40_000).Select(i => (double)i)];
        var tensor = TensorData.Of(numbers, numbers.Length);
        double[] read = new double[30_001];
        tensor.ReadDoubles(5_003, read);
        Assert.Equal(numbers[5_003..35_004], read);
        byte[] bytes = new byte[16];
        tensor.ReadBytes(80, bytes);
        Assert.Equal(10.0, BitConverter.ToDouble(bytes));
        Assert.Equal(320_000, tensor.Bytes);
        Assert.Throws<ArgumentException>(() => tensor.ReadBytes(4, bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadBytes(320_000, bytes));
    }

    [Theory]
    [InlineData(CheckpointFormat.PyTorch, null)]
    [InlineData(CheckpointFormat.Safetensors, null)]
    [InlineData(CheckpointFormat.Safetensors, 4_000_000L)]
    public void Progress_is_told_of_all_bytes(CheckpointFormat format, long? shard)
    {
        var folder = Directory.CreateTempSubdirectory();
        var told = new Told();
        string path = Path.Combine(folder.FullName, format == CheckpointFormat.PyTorch ? "x.pt" : "x.safetensors");
        Checkpoint.Save(path, new() { { "x", TensorData.Of(new float[1_000_000], 1_000_000) }, { "y", TensorData.Of(new float[1_000_000], 1_000_000) } }, new() { Progress = told, MaxShardBytes = shard });
        Assert.Equal(folder.GetFiles().Where(file => file.Extension != ".json").Sum(file => file.Length), told.Sum);
        Assert.True(told.Times > 8);
        folder.Delete(recursive: true);
    }

    sealed class Told : IProgress<long>
    {
        public long Sum { get; private set; }

        public int Times { get; private set; }

        public void Report(long value) => (Sum, Times) = (Sum + value, Times + 1);
    }

    static int Compare(StateDict before, StateDict after, ElementType type)
    {
        int compared = 0;
        Assert.Equal(before.Keys, after.Keys);
        foreach (var (key, value) in before)
        {
            if (value is StateDict inner)
            {
                compared += Compare(inner, after.GetDict(key), type);
            }
            else if (value is TensorData tensor)
            {
                bool isFloat = tensor.ElementType is ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16;
                Assert.Equal(isFloat ? type : tensor.ElementType, after.GetTensor(key).ElementType);
                Assert.Equal((isFloat ? tensor.To(type) : tensor).ToDoubles(), after.GetTensor(key).ToDoubles());
                compared += isFloat ? 1 : 0;
            }
        }
        return compared;
    }
}

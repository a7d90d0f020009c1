using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>What is gathered on a device has the host's bits.</summary>
public class SumsTests
{
    static readonly double[] Orders = [2, 1, 0, 3, double.PositiveInfinity, double.NegativeInfinity];

    public static TheoryData<ElementType> Types => [ElementType.Float32, ElementType.Float64, ElementType.BFloat16, ElementType.Float16, ElementType.Complex64, ElementType.Complex128];

    [Theory]
    [MemberData(nameof(Types))]
    public void Norms_of_gradients_have_the_hosts_bits(ElementType type)
    {
        var (device, fake) = FakeDriver.Create();
        var (host, cuda) = Pairs(device, type, [1, 0, 17, 4095, 4096, 10_001]);
        foreach (double order in Orders)
            Assert.Equal(Gradients.Norm(host, order), Gradients.Norm(cuda, order));
        Assert.Null(fake.Failure);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Clipped_and_scaled_gradients_have_the_hosts_bits(ElementType type)
    {
        var (device, fake) = FakeDriver.Create();
        foreach (double norm in new[] { 0.7, 1e9, 0 })
        {
            foreach (double order in Orders.Where(o => o > 0))
            {
                var (host, cuda) = Pairs(device, type, [1, 0, 17, 4095, 10_001]);
                Assert.Equal(Gradients.ClipNorm(host, norm, order), Gradients.ClipNorm(cuda, norm, order));
                AssertSameGradients(host, cuda);
            }
        }
        if (type.Parts() == 1)
        {
            var (host, cuda) = Pairs(device, type, [1, 0, 17, 5000]);
            Gradients.ClipValue(host, 0.3);
            Gradients.ClipValue(cuda, 0.3);
            AssertSameGradients(host, cuda);
        }
        Assert.Null(fake.Failure);
    }

    [Fact]
    public void A_number_that_is_not_finite_is_found()
    {
        var (device, _) = FakeDriver.Create();
        foreach (double bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
        {
            var (host, cuda) = Pairs(device, ElementType.Float32, [5, 9000], at => at == 8000 ? bad : 1);
            Assert.Equal(Gradients.Norm(host), Gradients.Norm(cuda));
            Assert.Equal(double.NaN, Gradients.Norm(Pairs(device, ElementType.Float64, [9000], at => at == 8999 ? double.NaN : at).Cuda, double.PositiveInfinity));
            Assert.True(double.IsFinite(Gradients.Norm(Pairs(device, ElementType.Float32, [9000], at => at).Cuda)));
        }
    }

    /// <summary>Two rules that measure the same, of different numbers of states, are two kernels: their coefficients lie at other places.</summary>
    [Fact]
    public void Kernels_that_measure_have_names_of_their_own()
    {
        var three = RecordedMeasure<MARSRule<float, On, Off>, float>.Fetch(new(new(), default, 1, 1), out _);
        var four = RecordedMeasure<MARSRule<float, On, On>, float>.Fetch(new(new() { AMSGrad = true }, default, 1, 1), out _);
        Assert.NotEqual(three.Key, four.Key);
    }

    /// <summary>Parameters with gradients, on the host and the same on a device.</summary>
    static unsafe (Parameter[] Host, CudaParameter[] Cuda) Pairs(CudaDevice device, ElementType type, int[] counts, Func<int, double>? number = null)
    {
        var host = new List<Parameter>();
        var cuda = new List<CudaParameter>();
        foreach (int count in counts)
        {
            byte[] numbers = new byte[Math.Max(1, count * type.Size())];
            fixed (byte* to = numbers)
            {
                if (number is null)
                    HardNumbersWithoutInfinities(to, type, count);
                else
                    DeviceMemory.Store(to, type, [.. Enumerable.Range(0, count * type.Parts()).Select(number)]);
            }
            var golden = new HostParameterSource().Create($"p{count}", [count], type, new double[count * type.Parts()]);
            double[] gradient = DeviceMemory.Load(numbers, type, count * type.Parts());
            golden.SetGradient(gradient);
            host.Add(golden.Parameter);
            var other = new CudaParameterSource(device).Create($"p{count}", [count], type, new double[count * type.Parts()]);
            other.SetGradient(gradient);
            cuda.Add((CudaParameter)other.Parameter);
            Kept.Add(other);
        }
        return ([.. host], [.. cuda]);
    }

    static readonly List<GoldenParameter> Kept = [];

    static unsafe void HardNumbersWithoutInfinities(byte* to, ElementType type, int count)
    {
        double[] numbers = new double[count * type.Parts()];
        HardNumbers.Fill(to, type.Real(), numbers.Length, 1, count);
        fixed (double* all = numbers)
        {
            Storage.Load(to, type.Real(), all, numbers.Length);
            for (int i = 0; i < numbers.Length; i++)
                numbers[i] = double.IsFinite(numbers[i]) ? Math.Clamp(numbers[i], -1e9, 1e9) : 0.125;
            Storage.Save(all, to, type.Real(), numbers.Length);
        }
    }

    static unsafe void AssertSameGradients(Parameter[] host, CudaParameter[] cuda)
    {
        foreach (var (mine, theirs) in host.Zip(cuda))
        {
            double[] expected = new double[mine.Numbers], actual = new double[mine.Numbers];
            fixed (double* to = expected, too = actual)
            {
                mine.Read(to, ofGradient: true);
                theirs.Read(too, ofGradient: true);
            }
            Assert.Equal(expected.Select(BitConverter.DoubleToInt64Bits), actual.Select(BitConverter.DoubleToInt64Bits));
        }
    }
}

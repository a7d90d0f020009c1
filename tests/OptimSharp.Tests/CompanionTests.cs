using CsCheck;

namespace OptimSharp.Tests;

/// <summary>
/// A step is planned for all parameters together, and what is known of their memory is kept for the next one. So whatever changes
/// between steps, each parameter must end up as if it had an optimizer of its own.
/// </summary>
public class CompanionTests
{
    const int Rows = 5, Steps = 8;

    enum Kind
    {
        None,
        Dense,
        Sparse,
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_parameter_steps_as_it_would_alone_whichever_others_take_part(bool momentum) => Compare(
        all => new SGD(all, new() { LearningRate = 0.1, Momentum = momentum ? 0.9 : 0 }), (_, _) => { }, sparse: true);

    [Fact]
    public void A_parameter_steps_as_it_would_alone_when_options_change_between_steps() => Compare(
        all => new Adam(all, new() { LearningRate = 0.1 }),
        (optimizer, step) => optimizer.ParameterGroups[0]["amsgrad"] = step % 3 == 1, sparse: false);

    [Fact]
    public void A_parameter_steps_as_it_would_alone_when_state_is_loaded_between_steps() => Compare(
        all => new Adagrad(all, new() { LearningRate = 0.1 }),
        (optimizer, step) =>
        {
            if (step % 3 == 2)
                optimizer.LoadStateDict(optimizer.StateDict());
        },
        sparse: true);

    static void Compare(Func<Parameter[], Optimizer> make, Action<Optimizer, int> between, bool sparse)
    {
        var kinds = Gen.Int[0, sparse ? 2 : 1].Select(k => (Kind)k).Array[Steps];
        Gen.Select(Gen.Int[1, 9].Array[1, 6], Gen.Int[1, 1000]).SelectMany((widths, seed) => kinds.Array[widths.Length].Select(k => (widths, seed, k))).Sample(x =>
        {
            var (widths, seed, kindsOf) = x;
            Parameter[] together = [.. widths.Select((w, i) => Make(i, w, seed))], alone = [.. widths.Select((w, i) => Make(i, w, seed))];
            using var one = make(together);
            Optimizer[] many = [.. alone.Select(p => make([p]))];
            for (int step = 0; step < Steps; step++)
            {
                for (int i = 0; i < widths.Length; i++)
                {
                    SetGradient(together[i], kindsOf[i][step], seed + step * 10 + i);
                    SetGradient(alone[i], kindsOf[i][step], seed + step * 10 + i);
                    many[i].Step();
                    between(many[i], step);
                }
                one.Step();
                between(one, step);
            }
            for (int i = 0; i < widths.Length; i++)
                Assert.Equal(Values(alone[i]), Values(together[i]));
            foreach (var optimizer in many)
                optimizer.Dispose();
        }, iter: 150, threads: 1);
    }

    // Types differ, so that the parameters are in several lists of the plan.
    static Parameter Make(int i, int width, int seed)
    {
        double[] start = Numbers.Tame(Rows * width, (ulong)(seed * 100 + i));
        return (i % 3) switch
        {
            0 => Parameter.Of($"p{i}", Array.ConvertAll(start, x => (float)x), Rows, width),
            1 => Parameter.Of($"p{i}", start, Rows, width),
            _ => Parameter.Of($"p{i}", Array.ConvertAll(start, x => (BFloat16)(float)x), Rows, width),
        };
    }

    static void SetGradient(Parameter parameter, Kind kind, int seed)
    {
        switch (parameter)
        {
            case Parameter<float> p:
                Set(p, x => (float)x);
                break;
            case Parameter<double> p:
                Set(p, x => x);
                break;
            case Parameter<BFloat16> p:
                Set(p, x => (BFloat16)(float)x);
                break;
        }

        void Set<T>(Parameter<T> p, Func<double, T> store) where T : unmanaged
        {
            T[] numbers = Array.ConvertAll(Numbers.Tame((int)p.Count, (ulong)seed), x => store(x));
            p.Gradient = null;
            if (kind == Kind.Dense)
                p.Gradient = numbers;
            else if (kind == Kind.Sparse)
                p.SparseGradient = new((long[])[3, seed % Rows, 3], numbers.AsMemory(0, 3 * (int)p.Count / Rows));
        }
    }

    static double[] Values(Parameter parameter) => parameter switch
    {
        Parameter<float> p => Array.ConvertAll(p.Values.ToArray(), x => (double)x),
        Parameter<double> p => p.Values.ToArray(),
        Parameter<BFloat16> p => Array.ConvertAll(p.Values.ToArray(), x => (double)(float)x),
        _ => throw new ArgumentException($"{parameter}"),
    };
}

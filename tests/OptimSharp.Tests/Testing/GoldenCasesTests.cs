using OptimSharp.Conformance;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Testing;

/// <summary>Golden cases through the kit's public door.</summary>
public class GoldenCasesTests
{
    static readonly string Goldens = Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "goldens");

    [Fact]
    public void A_folder_passes() => GoldenCases.Check<SGDOptions>(Path.Combine(Goldens, "sgd"), (groups, options) => new SGD(groups, options));

    [Fact]
    public void A_class_of_another_name_is_held_against_a_file() =>
        GoldenCases.Check<AdamOptions>(Path.Combine(Goldens, "adam", "default_f32.json"), (groups, options) => new Mine(groups, options));

    [Fact]
    public void Options_come_through_the_record_in_whatever_order_they_are_allowed()
    {
        // Nesterov's momentum is refused without a momentum, which comes after it.
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """
                { "kind": "optimizer", "name": "by hand", "optimizer": "SGD", "dtype": "float64", "options": { "nesterov": true, "momentum": 0.5, "lr": 1 },
                  "groups": [ { "params": [ { "shape": [1], "values": [4] } ], "options": { "lr": 0.5 } } ],
                  "steps": [ { "grads": [ [2] ], "params": [ [2.5] ], "state": [ { "momentum_buffer": [2] } ] } ] }
                """); // 4 − ½(2 + ½·2)
            SGDOptions? last = null;
            GoldenCases.Check<SGDOptions>(file, (groups, options) => new SGD(groups, last = options));
            Assert.Equal((true, 0.5, 1), (last!.Nesterov, last.Momentum, last.LearningRate));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void What_differs_is_told_with_case_step_parameter_and_numbers()
    {
        string file = Path.Combine(Goldens, "sgd", "nesterov_wd_f32.json");
        var error = Assert.Throws<GoldenCaseException>(() => GoldenCases.Check<SGDOptions>(file, (groups, options) =>
            new SGD(groups.Select(g => new ParameterGroup<SGDOptions>(g.Parameters)), options with { LearningRate = 0.3 })));
        Assert.Matches(@"^sgd/nesterov_wd_f32 \(host\): case\.steps\[0\], parameter 0: element \d+ is .*, but .* was expected", error.Message);
    }

    [Fact]
    public void An_option_that_the_optimizer_does_not_have_fails_by_name()
    {
        string file = Path.Combine(Goldens, "sgd", "nesterov_wd_f32.json");
        var error = Assert.Throws<GoldenCaseException>(() => GoldenCases.Check<PlainOptions>(file, (groups, options) => new PlainMomentum(groups, options)));
        Assert.StartsWith("sgd/nesterov_wd_f32 (host): PlainMomentum has no option '", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_case_for_an_optimizer_or_not_there_is_an_error()
    {
        Func<IReadOnlyList<ParameterGroup<SGDOptions>>, SGDOptions, Optimizer<SGDOptions>> create = (groups, options) => new SGD(groups, options);
        string schedule = GoldenCases.Files(Path.Combine(Goldens, "steplr"))[0];
        Assert.Contains("of the kind 'optimizer' can be run, not 'scheduler'", Assert.Throws<GoldenCaseException>(() => GoldenCases.Check(schedule, create)).Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => GoldenCases.Check(Path.Combine(Goldens, "nothing.json"), create));
        Assert.Throws<DirectoryNotFoundException>(() => GoldenCases.Files(Path.Combine(Goldens, "nothing")));
        Assert.Throws<ArgumentNullException>("create", () => GoldenCases.Check<SGDOptions>(schedule, null!));
    }

    /// <summary>Adam under another name.</summary>
    sealed class Mine(IEnumerable<ParameterGroup<AdamOptions>> groups, AdamOptions options) : Optimizer<AdamOptions>(groups, options)
    {
        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Adam.Entries;

        protected override void Update<T>(GroupStep<T> group, AdamOptions options) => Adam.Bind(group, options);
    }
}

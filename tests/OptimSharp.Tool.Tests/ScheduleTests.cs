using System.Globalization;
using OptimSharp.Conformance;
using OptimSharp.Samples;

namespace OptimSharp.Tool.Tests;

public class ScheduleTests
{
    /// <summary>The gallery's schedules as one writes them in Python; and what Python alone can't, by the library's names.</summary>
    static readonly Dictionary<string, string> written = new()
    {
        ["ConstantLR"] = "ConstantLR(factor=0.3, total_iters=20)",
        ["LinearLR"] = "LinearLR(start_factor=0.1, total_iters=30)",
        ["StepLR"] = "StepLR(step_size=25, gamma=0.5)",
        ["MultiStepLR"] = "MultiStepLR(milestones=[20, 50, 80], gamma=0.4)",
        ["ExponentialLR"] = "ExponentialLR(gamma=0.96)",
        ["PolynomialLR"] = "PolynomialLR(total_iters=90, power=2)",
        ["CosineAnnealingLR"] = "CosineAnnealingLR(T_max=99, eta_min=0.001)",
        ["CosineAnnealingWarmRestarts"] = "CosineAnnealingWarmRestarts(T_0=14, T_mult=2)",
        ["LambdaLR"] = "LambdaLR(lr_lambda=lambda e: 1 / math.sqrt(1 + 0.3 * e))",
        ["MultiplicativeLR"] = "MultiplicativeLR(lr_lambda=lambda e: 0.99 if e < 50 else 0.95)",
        ["CyclicLR"] = "CyclicLR(base_lr=0.01, max_lr=0.1, step_size_up=10, step_size_down=15, mode='triangular2')",
        ["OneCycleLR"] = "OneCycleLR(max_lr=0.1, total_steps=100)",
        ["ReduceLROnPlateau"] = "ReduceLROnPlateau(factor=0.4, patience=6, threshold=0.01)",
        ["SWALR"] = "SWALR(swa_lr=0.03, anneal_epochs=40)",
        ["ChainedScheduler"] = "ChainedScheduler([LinearLR(0.1, total_iters=20), StepLR(30, gamma=0.5)])",
        ["SequentialLR"] = "SequentialLR([ConstantLR(0.5, 99), ExponentialLR(0.97), LinearLR(0.5, 0, 29)], milestones=[15, 70])",
        ["Warmup.Then"] = "Warmup.Then(warmup_steps=15, then=StepLR(step_size=25, gamma=0.4))",
        ["Warmup.Cosine"] = "Warmup.Cosine(warmup_steps=15, total_steps=100)",
        ["Warmup.StableDecay"] = "Warmup.StableDecay(warmup_steps=10, stable_steps=60, decay_steps=29)",
    };

    public static TheoryData<string> Names => [.. Gallery.Schedules.Select(schedule => schedule.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_schedule_there_is_can_be_written(string name)
    {
        using var files = new Files();
        File.WriteAllLines(files.New("metrics"), Enumerable.Range(0, 100).Select(step => Gallery.Loss(step).ToString("R", CultureInfo.InvariantCulture)));
        string[] metrics = name == "ReduceLROnPlateau" ? ["--metrics", files.New("metrics")] : ["--steps", "100"];
        var (rates, momenta) = Gallery.Schedules.Single(schedule => schedule.Name == name).Run(100);
        var table = Csv(["schedule", written[name], "--csv", "-", .. metrics]);
        Assert.Equal(rates, table.Select(row => row[1]));
        if (momenta.Any(m => m != 0.9))
            Assert.Equal(momenta, table.Select(row => row[2]));
    }

    [Fact]
    public void Each_public_scheduler_is_in_the_catalog() =>
        Assert.Empty(Gallery.Schedules.Select(schedule => schedule.Name).Except(SchedulerCatalog.All.Keys));

    [Fact]
    public async Task The_same_text_gives_the_rates_of_PyTorch()
    {
        string? python = await PythonWithTorch.FindAsync();
        Assert.SkipWhen(python is null, PythonWithTorch.Missing);
        string[] texts =
        [
            .. written.Where(w => !w.Key.StartsWith("Warmup", StringComparison.Ordinal) && w.Key is not ("ReduceLROnPlateau" or "SequentialLR" or "ChainedScheduler" or "LambdaLR")).Select(w => w.Value),
            "LambdaLR(lambda epoch: 0.95 ** epoch)",
            "LambdaLR(lambda e: min(1, (e + 1) / 10) * (0.5 if e // 30 % 2 == 1 else -(-1)) ** 2)",
            "LambdaLR(lambda e: 2 ** -e if not e > 3 and e != 2 or e == 50 else abs(math.cos(math.pi * e / 20)))",
            "MultiStepLR((10, 20,), 10 ** -1)",
            "OneCycleLR(0.1, epochs=10, steps_per_epoch=10, anneal_strategy='linear', three_phase=True)",
            "CyclicLR(0.001, 0.1, 7, None, 'exp_range', 0.98)",
        ];
        using var files = new Files();
        File.WriteAllLines(files.New("texts"), texts);
        File.WriteAllText(files.New("rates.py"), """
            import functools, math, torch
            from torch.optim import lr_scheduler, swa_utils
            for text in open("texts").read().splitlines():
                optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
                names = {name: functools.partial(kind, optimizer) for name, kind in vars(lr_scheduler).items() if isinstance(kind, type)}
                scheduler = eval(text, {"math": math, "SWALR": functools.partial(swa_utils.SWALR, optimizer), **names})
                rates = []
                for _ in range(100):
                    rates.append(repr(float(optimizer.param_groups[0]["lr"])))
                    optimizer.step()
                    scheduler.step() if len(rates) < 100 else None
                print(" ".join(rates))
            """);
        string[] lines = (await PythonWithTorch.RunAsync(python!, files.Folder, "rates.py")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(texts.Length, lines.Length);
        foreach (var (text, line) in texts.Zip(lines))
        {
            double[] theirs = [.. line.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
            double[] ours = [.. Csv("schedule", text, "--steps", "100", "--csv", "-").Select(row => row[1])];
            for (int i = 0; i < 100; i++)
                Assert.True(Math.Abs(theirs[i] - ours[i]) <= 1e-12, $"{text}, step {i}: PyTorch {theirs[i]:R}, here {ours[i]:R}");
        }
    }

    [Fact]
    public void A_line_of_a_script_will_do()
    {
        string[] texts =
        [
            "torch.optim.lr_scheduler.SequentialLR(optimizer, schedulers=[torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5), lr_scheduler.CosineAnnealingLR(opt, T_max=45)], milestones=[5], last_epoch=-1)",
            "SequentialLR(LinearLR(0.1, total_iters=5), CosineAnnealingLR(45), milestones=[5])",
        ];
        Assert.Equal(Csv("schedule", texts[0], "--csv", "-").Select(row => row[1]), Csv("schedule", texts[1], "--csv", "-").Select(row => row[1]));
    }

    [Theory]
    [InlineData("StepLR(step_size=0)", "StepLR: step_size must be ≥ 1, but is 0.")]
    [InlineData("StepLR()", "StepLR needs step_size: StepLR(step_size, gamma=0.1).")]
    [InlineData("StepLR(10, gama=1)", "StepLR has no argument 'gama': StepLR(step_size, gamma=0.1).")]
    [InlineData("StepLR(10, step_size=10)", "StepLR is given step_size twice.")]
    [InlineData("StepLR(1, 2, 3)", "takes 2 arguments, and there are more")]
    [InlineData("StepLR(10.5)", "StepLR's step_size must be a whole number, but is 10.5.")]
    [InlineData("StepLR(3000000000)", "StepLR's step_size must be a whole number")]
    [InlineData("StepLR('ten')", "StepLR's step_size must be a number.")]
    [InlineData("CosineAnnealingLR(T_max=10, eta_min=-1)", "CosineAnnealingLR: eta_min must be ≥ 0, but is -1.")]
    [InlineData("CyclicLR(0.1, 0.2, mode='zigzag')", "CyclicLR's mode must be one of 'triangular', 'triangular2', 'exp_range'.")]
    [InlineData("SequentialLR([StepLR(1), StepLR(2)], [1, 2])", "There must be one milestone fewer than schedulers")]
    [InlineData("OneCycleLR(0.1)", "OneCycleLR: Give total_steps, or epochs and steps_per_epoch.")]
    [InlineData("StepLr(10)", "There is no scheduler 'StepLr'; there are: ChainedScheduler")]
    [InlineData("10", "A schedule is a scheduler with its arguments")]
    [InlineData("StepLR(10", "the end where ',' or ')' should be, at character 10.")]
    [InlineData("StepLR(10))", "')' where an operator or the end should be, at character 11.")]
    [InlineData("StepLR(10, )x", "'x' where an operator or the end should be")]
    [InlineData("StepLR(step_size=10, 0.1)", "'0.1' where an argument with its name, after others with names should be")]
    [InlineData("StepLR(10 $ 2)", "'$', which has no meaning here, at character 11.")]
    [InlineData("StepLR('10)", "a text that does not end, at character 8.")]
    [InlineData("StepLR(10 / 0)", "divides by zero at character 8")]
    [InlineData("StepLR(lambda e: 1)", "StepLR's step_size must be a number.")]
    [InlineData("LambdaLR(0.5)", "LambdaLR's lr_lambda must be a function of the epoch")]
    [InlineData("LambdaLR(lambda e: f(e))", "There is no function 'f'")]
    [InlineData("LambdaLR(lambda e: e + x)", "'x' at character 24, and nothing says what it is")]
    [InlineData("LambdaLR(lambda e: __import__('os'))", "There should be a number")]
    [InlineData("LambdaLR(foo)", "LambdaLR needs lr_lambda: LambdaLR(lr_lambda). 'foo' in the first place is taken for the optimizer: values and functions are written out, as 30 or lambda epoch: 0.95 ** epoch.")]
    [InlineData("LambdaLR(optimizer, foo)", "LambdaLR's lr_lambda must be a function of the epoch, as lambda epoch: 0.95 ** epoch; 'foo' is a name that nothing is known of.")]
    [InlineData("OneCycleLR(max_lr=[0.1, 0.2], total_steps=10)", "OneCycleLR's max_lr has 2 values, but there is 1 parameter group: as many rates of --lr, with commas between, make as many groups.")]
    [InlineData("OneCycleLR(max_lr=-1, total_steps=10)", "OneCycleLR: max_lr must be ≥ 0 and finite, but is -1.")]
    [InlineData("MultiStepLR(milestones=3)", "MultiStepLR's milestones must be a list")]
    [InlineData("", "the end where a value should be")]
    public void What_is_wrong_with_a_text_is_said(string text, string said) => Assert.Contains(said, ToolRun.Failed("schedule", text), StringComparison.Ordinal);

    [Fact]
    public void Too_deep_or_too_long_a_text_is_refused()
    {
        Assert.Contains("levels", ToolRun.Failed("schedule", new string('(', 2000)), StringComparison.Ordinal);
        Assert.Contains("levels", ToolRun.Failed("schedule", $"StepLR({new string('-', 2000)}1)"), StringComparison.Ordinal);
        Assert.Contains("letters", ToolRun.Failed("schedule", new string('(', 5000)), StringComparison.Ordinal);
        ToolRun.Good("schedule", $"StepLR({string.Join('+', Enumerable.Repeat("1", 2000))})");
    }

    [Theory]
    [InlineData("--steps must be from 1 to", "--steps", "0")]
    [InlineData("--lr must be a number ≥ 0, but is 'x'.", "--lr", "x")]
    [InlineData("There is no group 1; there are 1.", "--group", "1")]
    [InlineData("--csv - and --json both write to standard output: give one.", "--csv", "-", "--json")]
    public void Wrong_options_are_said(string said, params string[] options) =>
        Assert.Contains(said, ToolRun.Failed(["schedule", "StepLR(10)", .. options]), StringComparison.Ordinal);

    [Fact]
    public void Metrics_are_for_a_plateau_and_must_be_numbers()
    {
        using var files = new Files();
        File.WriteAllText(files.New("m"), "1\n\nx\n");
        Assert.Contains("Line 3 of", ToolRun.Failed("schedule", "ReduceLROnPlateau()", "--metrics", files.New("m")), StringComparison.Ordinal);
        File.WriteAllText(files.New("m"), "1\n");
        Assert.Contains("--metrics is for ReduceLROnPlateau, which StepLR is not.", ToolRun.Failed("schedule", "StepLR(10)", "--metrics", files.New("m")), StringComparison.Ordinal);
        Assert.Contains("give a file with one number a line by --metrics", ToolRun.Failed("schedule", "ReduceLROnPlateau()"), StringComparison.Ordinal);
        Assert.Contains("There is no file", ToolRun.Failed("schedule", "ReduceLROnPlateau()", "--metrics", files.New("nothing")), StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_are_told_and_end_with_one_when_asked()
    {
        string[] line = ["schedule", "CosineAnnealingLR(T_max=200)", "--steps", "100"];
        Assert.Contains("! The schedule is planned for 201 steps, but there are only 100.", ToolRun.Good(line).Output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.No, ToolRun.Of([.. line, "--strict"]).Code);
        Assert.Equal("ShorterThanPlanned", (string)ToolRun.Json(line)["findings"]![0]!["kind"]!);
        ToolRun.Good("schedule", "CosineAnnealingLR(T_max=99)", "--strict");
    }

    [Fact]
    public void A_checkpoints_schedule_is_found_and_goes_from_its_first_step()
    {
        double[] saved = [.. Csv("schedule", Files.Fixture("lightning.ckpt"), "--csv", "-").Select(row => row[1])];
        double[] same = [.. Csv("schedule", "SequentialLR(LinearLR(0.1, total_iters=5), CosineAnnealingLR(40), milestones=[5])", "--lr", "0.02", "--csv", "-").Select(row => row[1])];
        Assert.Equal(same.Length, saved.Length);
        for (int i = 0; i < saved.Length; i++)
            Assert.Equal(same[i], saved[i], 1e-15);
        Assert.Contains("saved at step 12, with the rate 0.018", ToolRun.Good("schedule", Files.Fixture("lightning.ckpt")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_schedule_is_told_by_its_state(string name)
    {
        using var files = new Files();
        using var optimizer = new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = 0.1, Momentum = 0.9 });
        var schedule = Gallery.Schedules.Single(s => s.Name == name);
        string path = files.Save("run.pt", new() { { "scheduler", schedule.Make(optimizer).StateDict() }, { "optimizer", optimizer.StateDict() } });
        if (name is "LambdaLR" or "MultiplicativeLR")
        {
            Assert.Contains("a function of one's own", ToolRun.Failed("schedule", path), StringComparison.Ordinal);
            return;
        }
        File.WriteAllLines(files.New("metrics"), Enumerable.Range(0, 100).Select(step => Gallery.Loss(step).ToString("R", CultureInfo.InvariantCulture)));
        string[] options = name == "ReduceLROnPlateau" ? ["--metrics", files.New("metrics")] : ["--steps", "100"];
        Assert.Equal(schedule.Run(100).Rates, Csv(["schedule", path, "--csv", "-", .. options]).Select(row => row[1]));
    }

    [Fact]
    public void A_schedule_longer_than_can_be_shown_wants_a_number_of_steps()
    {
        Assert.Contains("give --steps", ToolRun.Failed("schedule", "CosineAnnealingLR(T_max=2_000_000_000)"), StringComparison.Ordinal);
        ToolRun.Good("schedule", "CosineAnnealingLR(T_max=2_000_000_000)", "--steps", "10");
    }

    [Theory]
    [InlineData("text")]
    [InlineData(1e300)]
    [InlineData(double.NaN)]
    public void Milestones_of_a_checkpoint_that_are_none_are_an_error(object milestone)
    {
        using var files = new Files();
        StateDict part = new() { { "step_size", 1 }, { "gamma", 0.5 }, { "base_lrs", new[] { 0.1 } }, { "last_epoch", 0 }, { "_last_lr", new[] { 0.1 } } };
        string path = files.Save("x.pt", new() { { "_schedulers", new object?[] { part.Clone(), part.Clone() } }, { "_milestones", new[] { milestone } }, { "last_epoch", 0 }, { "_last_lr", new[] { 0.1 } } });
        ToolRun.Failed("schedule", path);
    }

    [Fact]
    public void A_picture_and_a_table_are_written_once()
    {
        using var files = new Files();
        string png = files.New("a.png"), csv = files.New("a.csv");
        string[] line = ["schedule", "OneCycleLR(0.1, 100)", "--png", png, "--csv", csv];
        Assert.Contains($"wrote {csv}: 100 steps", ToolRun.Of(line).Output, StringComparison.Ordinal);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47], File.ReadAllBytes(png)[..4]);
        Assert.Equal((1000, 560), (System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(File.ReadAllBytes(png).AsSpan(16)), System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(File.ReadAllBytes(png).AsSpan(20))));
        Assert.Equal(101, File.ReadAllLines(csv).Length);
        Assert.Contains("is there already", ToolRun.Failed(line), StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFileSystemEntries(files.Folder).Length);
        Assert.Equal(ExitCode.Good, ToolRun.Of([.. line, "--force"]).Code);
    }

    static double[][] Csv(params string[] arguments) =>
        [.. ToolRun.Good(arguments).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Split(',').Select(number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray())];
}

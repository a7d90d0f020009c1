using System.CommandLine;
using OptimSharp.ResultCharts;

var results = new Option<DirectoryInfo>("--results") { Description = "where the measurements are", DefaultValueFactory = _ => new("bench/results") };
var machine = new Option<string>("--machine") { Description = "whose: the name of its file without .json", DefaultValueFactory = _ => "amd-epyc-milan-2-cores" };
var output = new Option<DirectoryInfo>("--output") { Description = "where the pictures go", DefaultValueFactory = _ => new("docs/speed") };
results.AcceptExistingOnly();
var command = new RootCommand("Draws what the benchmarks measured beside other libraries, from the JSON that they wrote.") { results, machine, output };
command.SetAction(parsed =>
{
    try
    {
        var measured = Measurements.Read(parsed.GetRequiredValue(results).FullName, parsed.GetRequiredValue(machine));
        foreach (var (name, chart) in SpeedCharts.Of(measured))
        {
            string path = Path.Combine(parsed.GetRequiredValue(output).FullName, name + ".svg");
            RatioPicture.Save(chart, measured.Machine, path);
            Console.WriteLine(path);
        }
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
});
return command.Parse(args).Invoke();

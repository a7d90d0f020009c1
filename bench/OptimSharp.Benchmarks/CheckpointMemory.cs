using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace OptimSharp.Benchmarks;

/// <summary>The most memory that saving and loading a checkpoint take beyond its tensors, each in a process of its own (Linux: the process's high-water mark).</summary>
static class CheckpointMemory
{
    const int Tensors = 64;

    public static int Run(double gib, string folder)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{gib} GiB in {Tensors} tensors of float32"));
        foreach (string name in new[] { "checkpoint.pt", "checkpoint.safetensors" })
        {
            string path = Path.Combine(folder, name);
            foreach (string what in new[] { "save", "load" })
            {
                using var child = Process.Start(Environment.ProcessPath!, [.. Prefix(), "checkpoints", "--part", what, "--gib", gib.ToString(CultureInfo.InvariantCulture), "--file", path]);
                child.WaitForExit();
                if (child.ExitCode != 0)
                    return child.ExitCode;
            }
            File.Delete(path);
        }
        return 0;

        static string[] Prefix() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
    }

    public static int RunPart(string what, double gib, string path)
    {
        long elements = (long)(gib * (1 << 30) / sizeof(float) / Tensors);
        var state = new StateDict();
        if (what == "save")
        {
            var values = new float[elements];
            for (int i = 0; i < Tensors; i++)
            {
                values.AsSpan().Fill(i);
                state.Add($"layers.{i}.weight", TensorData.Of<float>(values, elements));
            }
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        File.WriteAllText("/proc/self/clear_refs", "5"); // the high-water mark begins anew
        long before = Field("VmRSS");
        long start = Stopwatch.GetTimestamp();
        if (what == "save")
            Checkpoint.Save(path, state);
        else
            state = Checkpoint.Load(path);
        var time = Stopwatch.GetElapsedTime(start);
        long beyond = Field("VmHWM") - before - (what == "load" ? elements * Tensors * sizeof(float) >> 10 : 0);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what} {Path.GetExtension(path),-12} {time.TotalSeconds,6:f2} s   at most {beyond / 1024.0:f1} MiB beyond the tensors (process {Field("VmHWM") / 1024} MiB, {RuntimeInformation.FrameworkDescription})"));
        GC.KeepAlive(state);
        return 0;
    }

    /// <summary>A field of the process's status, in KiB.</summary>
    static long Field(string name) => long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}

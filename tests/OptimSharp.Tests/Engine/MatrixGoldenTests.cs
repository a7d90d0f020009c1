using System.Numerics;
using System.Text.Json;
using OptimSharp.Conformance;
using static OptimSharp.Tests.Engine.MatrixCases;

namespace OptimSharp.Tests.Engine;

/// <summary>What PyTorch makes of matrices (tools/matrices/make.py).</summary>
public class MatrixGoldenTests
{
    static readonly Dictionary<string, JsonElement> Cases = JsonDocument
        .Parse(File.ReadAllBytes(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures", "matrices", "decompositions.json")))
        .RootElement.EnumerateArray().ToDictionary(c => c.GetProperty("name").GetString()!);

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void As_PyTorch_has_it(string name)
    {
        if (Cases[name].GetProperty("type").GetString() == "float32")
            Check<float>(Cases[name]);
        else
            Check<double>(Cases[name]);
    }

    static void Check<T>(JsonElement what) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var a = Numbers("a");
        double unit = 20 * Epsilon<T>() * Math.Max(1, Distance(a));
        switch (what.GetProperty("kind").GetString())
        {
            case "eigen":
                int n = Number("n");
                var (values, vectors) = Eigen<T>(n, a);
                double[] expected = Numbers("values"), columns = Numbers("vectors");
                Near(expected, values, unit);
                for (int j = 0; j < n; j++)
                {
                    // A vector is as certain as its eigenvalue is apart from the others, and of any sign.
                    double apart = expected.Where((_, i) => i != j).Select(x => Math.Abs(x - expected[j])).DefaultIfEmpty(1).Min();
                    double[] ours = Column(vectors, j), theirs = Column(columns, j);
                    int largest = Array.IndexOf(theirs, theirs.MaxBy(Math.Abs));
                    double sign = Math.Sign(ours[largest] * theirs[largest]);
                    Near(theirs, Array.ConvertAll(ours, x => x * sign), 2 * unit / apart);
                }
                break;

                double[] Column(double[] x, int j) => [.. Enumerable.Range(0, n).Select(i => x[i * n + j])];
            case "qr":
                var (q, r) = QR<T>(Number("rows"), Number("columns"), a);
                double least = Enumerable.Range(0, Math.Min(Number("rows"), Number("columns"))).Min(i => Math.Abs(r[i * Number("columns") + i]));
                Near(Numbers("q"), q, 2 * unit / least);
                Near(Numbers("r"), r, 2 * unit / Math.Min(least, 1));
                break;
            default:
                var root = InverseRoot<T>(Number("n"), a, Number("p"), what.GetProperty("epsilon").GetDouble());
                // The root's slope at the lowest eigenvalue, 0.01 and more, is up to 10⁴.
                Near(Numbers("root"), root, unit * (Number("p") == 1 ? 1e4 : 1e3));
                break;
        }

        double[] Numbers(string field) => [.. what.GetProperty(field).EnumerateArray().Select(x => x.GetDouble())];
        int Number(string field) => what.GetProperty(field).GetInt32();
    }

    static void Near(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance);
    }
}

using System.Numerics;
using OptimSharp.Conformance;

namespace OptimSharp.Docs.Tests;

/// <summary>What an optimizer supports, found by trying.</summary>
static class Support
{
    /// <summary>Half types, complex numbers, sparse gradients, closures: as the guide's matrix has them.</summary>
    public static string[] Of(string optimizer)
    {
        bool sparse = Takes<float>(p => p.SparseGradient = new(new long[] { 1 }, new float[2])), dense = Takes<float>(p => p.Gradient = new float[4]);
        return
        [
            Takes<Half>(Give) ? "yes" : "no",
            Takes<Complex>(Give) ? "yes" : "no",
            sparse ? dense ? "yes" : "only" : "no",
            Takes<float>(Give, closure: false) ? "may" : "must",
        ];

        void Give<T>(Parameter<T> parameter) where T : unmanaged
        {
            if (dense)
                parameter.Gradient = new T[4];
            else
                parameter.SparseGradient = new(new long[] { 1 }, new T[2]);
        }

        bool Takes<T>(Action<Parameter<T>> give, bool closure = true) where T : unmanaged
        {
            try
            {
                var parameter = Parameter.Of("w", new T[4], 2, 2);
                using var made = OptimizerDriver.For(optimizer).Create([parameter], []);
                give(parameter);
                if (closure)
                    made.Step(() => 1.0);
                else
                    made.Step();
                return true;
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                return false;
            }
        }
    }
}

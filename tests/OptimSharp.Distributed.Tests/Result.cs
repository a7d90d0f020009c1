using System.Security.Cryptography;

namespace OptimSharp.Distributed.Tests;

/// <summary>What a training left: hashes of parameters and state.</summary>
sealed record Result(string Parameters, string State, long StateBytes, StateDict Saved)
{
    public static Result Of(IReadOnlyList<Parameter> parameters, StateDict state, long stateBytes)
    {
        using var values = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var parameter in parameters)
        {
            foreach (double x in Run.Values(parameter))
                values.AppendData(BitConverter.GetBytes(double.IsNaN(x) ? double.NaN : x));
        }
        using var file = new MemoryStream();
        Checkpoint.Save(file, state);
        return new(Convert.ToHexString(values.GetHashAndReset()), Convert.ToHexString(SHA256.HashData(file.ToArray())), stateBytes, state);
    }

    public bool IsLike(Result other) => (Parameters, State) == (other.Parameters, other.State);
}

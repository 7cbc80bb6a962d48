using Cake.Core;

namespace Cake.Frosting;

/// <summary>A stand-in for the base of a Frosting host's context: Cake's own adapter, which passes everything on.</summary>
public abstract class FrostingContext(ICakeContext context) : CakeContextAdapter(context);
